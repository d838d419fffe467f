pub mod head;
pub mod link;
