//! The virtual switch on real devices, beside the kernel's and Open vSwitch: they need root and say so.

#[path = "switch"]
mod netns {
    mod cold;
    mod fast_path;
    mod interop;
    mod judge;
    mod life;
    mod neighbours;
}
