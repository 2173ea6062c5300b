//! The hot path must not touch the heap once it is planned.
#![expect(unsafe_code, reason = "a counting allocator cannot be written without it")]
#![expect(clippy::print_stdout, reason = "there is no test harness to say what passed")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use ndarray::{Array2, Array3, Array4};
use visaged::data::{Event, EventBatch, Geometry, Samples};
use visaged::dsp::event::{
    Denoise, DenoiseConfig, FaceConfig, FaceRegion, Tbr, TimeSurface, VoxelConfig, Voxels,
};
use visaged::dsp::radar::{
    Clutter, FrameShape, MicroDoppler, MicroDopplerConfig, ModelInput, ModelInputConfig,
    RangeDoppler, RangeDopplerConfig, RangeProfile,
};

struct Counting;

static TAKEN: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        TAKEN.fetch_add(1, Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, ptr: *mut u8, layout: Layout) {
        // SAFETY: `ptr` came from `System.alloc` above.
        unsafe { System.dealloc(ptr, layout) }
    }
}

#[global_allocator]
static HEAP: Counting = Counting;

fn main() {
    radar();
    events();
    decoders();
    println!("test result: ok. the hot path does not allocate");
}

/// Runs `work` twice and fails if the second run takes memory: the first may fill lazy tables.
fn without_allocating(what: &str, mut work: impl FnMut()) {
    work();
    let before = TAKEN.load(Relaxed);
    work();
    assert_eq!(TAKEN.load(Relaxed) - before, 0, "{what} allocated");
    println!("no allocation: {what}");
}
