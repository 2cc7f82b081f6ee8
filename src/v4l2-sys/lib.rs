//! Hand-written bindings of the kernel's `videodev2.h`.
