//! A running repository and its real neighbours: apt, dnf, dpkg, rpm, gpgv. Each test has a repository of its
//! own, and for a gateway a small proxy that says who reads.

#[path = "repository/apt.rs"]
mod apt;
#[path = "repository/dnf.rs"]
mod dnf;
#[path = "repository/neighbours.rs"]
mod neighbours;
#[path = "repository/place.rs"]
mod place;
#[path = "repository/publication.rs"]
mod publication;
#[path = "repository/uploads.rs"]
mod uploads;
