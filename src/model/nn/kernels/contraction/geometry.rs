//! Where the input of each pixel and tap lies, and where its output goes.

use std::ops::Range;

/// Where a contraction reads and writes.
///
/// # Safety
/// For each `pixel` below [`pixels`](Self::pixels) and each `tap` in [`taps`](Self::taps),
/// [`row`](Self::row) points to [`depth`](Self::depth) floats that stay readable as long as `self`
/// lives, and [`place`](Self::place) is at most [`last_place`](Self::last_place). No two pixels
/// have places closer to each other than the number of columns the caller writes.
pub(crate) unsafe trait Geometry: Copy {
    /// Output pixels.
    fn pixels(self) -> usize;
    /// Taps that hit the input somewhere.
    fn taps(self) -> Range<usize>;
    /// Channels of an input pixel.
    fn depth(self) -> usize;
    /// The input under `tap` for an output `pixel`.
    fn row(self, pixel: usize, tap: usize) -> *const f32;
    /// Where in the output `pixel` starts.
    fn place(self, pixel: usize) -> usize;
    /// The largest place.
    fn last_place(self) -> usize;
}

/// Pixels one after the other: linear layers, 1x1 convolutions, frames of a temporal convolution.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rows<'a> {
    input: &'a [f32],
    pixels: usize,
    depth: usize,
    stride: usize,
    taps: (usize, usize),
    tap_stride: usize,
    output_stride: usize,
}

impl<'a> Rows<'a> {
    /// Rows of `depth` floats, each `stride` floats behind the last; outputs are `output_stride`
    /// apart.
    pub(crate) fn strided(
        input: &'a [f32],
        pixels: usize,
        [depth, stride]: [usize; 2],
        output_stride: usize,
    ) -> Self {
        let end = pixels.checked_sub(1).map_or(0, |last| last * stride + depth);
        assert!(end <= input.len(), "rows end in the input");
        Self { input, pixels, depth, stride, taps: (0, 1), tap_stride: 0, output_stride }
    }

    /// Rows of `depth` floats without gaps.
    pub(crate) fn dense(input: &'a [f32], depth: usize, output_stride: usize) -> Self {
        Self::strided(input, input.len() / depth, [depth, depth], output_stride)
    }

    /// `taps` copies of the rows, `tap_stride` floats after each other; the first has the number
    /// `taps.start`, and lies at the start of `input`.
    pub(crate) fn with_taps(self, taps: &Range<usize>, tap_stride: usize) -> Self {
        let row = self.pixels.checked_sub(1).map_or(0, |last| last * self.stride + self.depth);
        let end = taps.len().checked_sub(1).map_or(0, |last| last * tap_stride + row);
        assert!(end <= self.input.len(), "taps end in the input");
        Self { taps: (taps.start, taps.end), tap_stride, ..self }
    }
}

// SAFETY: both constructors check the end of the last row of the last tap, and all others lie
// before it. Places grow by `output_stride`, which `Contraction` checks against the columns.
unsafe impl Geometry for Rows<'_> {
    #[inline(always)]
    fn pixels(self) -> usize {
        self.pixels
    }

    #[inline(always)]
    fn taps(self) -> Range<usize> {
        self.taps.0..self.taps.1
    }

    #[inline(always)]
    fn depth(self) -> usize {
        self.depth
    }

    #[inline(always)]
    fn row(self, pixel: usize, tap: usize) -> *const f32 {
        let offset = (tap - self.taps.0) * self.tap_stride + pixel * self.stride;
        debug_assert!(offset + self.depth <= self.input.len(), "inside the input");
        self.input.as_ptr().wrapping_add(offset)
    }

    #[inline(always)]
    fn place(self, pixel: usize) -> usize {
        pixel * self.output_stride
    }

    #[inline(always)]
    fn last_place(self) -> usize {
        self.pixels.saturating_sub(1) * self.output_stride
    }
}

/// Offsets into an image, made once per layer.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    taps: usize,
    depth: usize,
    /// Floats of the image.
    input: usize,
    /// `[pixel][tap]`: where the input starts; `PADDING` where it is outside.
    offsets: Vec<u32>,
    /// `[pixel]`: where the output starts.
    places: Vec<u32>,
    last_place: usize,
    zeros: Vec<f32>,
}

const PADDING: u32 = u32::MAX;

impl Table {
    /// For each of `pixels`, in order: where its output starts and, for each tap, the pixel of the
    /// input or `None` outside of it. The image has `inputs` pixels of `depth` floats; a place is a
    /// multiple of `columns`.
    pub(crate) fn new(
        [inputs, depth, columns, taps]: [usize; 4],
        pixels: impl Iterator<Item = usize>,
        mut input: impl FnMut(usize, usize) -> Option<usize>,
    ) -> Self {
        let (mut offsets, mut places, mut last_place) = (Vec::new(), Vec::new(), 0);
        for pixel in pixels {
            last_place = last_place.max(pixel * columns);
            places.push(narrow(pixel * columns));
            for tap in 0..taps {
                let found = input(pixel, tap);
                assert!(found.is_none_or(|found| found < inputs), "a tap outside of the image");
                offsets.push(found.map_or(PADDING, |found| narrow(found * depth)));
            }
        }
        let input = inputs * depth;
        Self { taps, depth, input, offsets, places, last_place, zeros: vec![0.0; depth] }
    }

    /// Output pixels.
    pub(crate) fn pixels(&self) -> usize {
        self.places.len()
    }

    /// Where in the input image `tap` of `pixel` starts; `None` in the padding.
    pub(crate) fn offset(&self, pixel: usize, tap: usize) -> Option<usize> {
        let offset = self.offsets[pixel * self.taps + tap];
        (offset != PADDING).then_some(offset as usize)
    }
}

/// Offsets are stored in half the space: images have less than 2^32 - 1 floats.
fn narrow(offset: usize) -> u32 {
    let narrow = u32::try_from(offset).unwrap_or(PADDING);
    assert!(narrow != PADDING, "an image of more than 16 GiB");
    narrow
}

/// A table applied to an image.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Indirect<'a> {
    table: &'a Table,
    input: &'a [f32],
}

impl<'a> Indirect<'a> {
    pub(crate) fn new(table: &'a Table, input: &'a [f32]) -> Self {
        assert_eq!(input.len(), table.input, "the image the table was made for");
        Self { table, input }
    }
}

// SAFETY: `Table::new` checks that every tap that is not padding names a pixel of the image, `new`
// that the image has that size; padding is `depth` zeros. Places are distinct multiples of the
// number of columns.
unsafe impl Geometry for Indirect<'_> {
    #[inline(always)]
    fn pixels(self) -> usize {
        self.table.places.len()
    }

    #[inline(always)]
    fn taps(self) -> Range<usize> {
        0..self.table.taps
    }

    #[inline(always)]
    fn depth(self) -> usize {
        self.table.depth
    }

    #[inline(always)]
    fn row(self, pixel: usize, tap: usize) -> *const f32 {
        let at = pixel * self.table.taps + tap;
        debug_assert!(at < self.table.offsets.len(), "inside the table");
        // SAFETY: the table has an offset for each tap of each pixel.
        let offset = unsafe { *self.table.offsets.get_unchecked(at) };
        if offset == PADDING {
            self.table.zeros.as_ptr()
        } else {
            self.input.as_ptr().wrapping_add(offset as usize)
        }
    }

    #[inline(always)]
    fn place(self, pixel: usize) -> usize {
        debug_assert!(pixel < self.table.places.len(), "inside the table");
        // SAFETY: the table has a place for each pixel.
        unsafe { *self.table.places.get_unchecked(pixel) as usize }
    }

    #[inline(always)]
    fn last_place(self) -> usize {
        self.table.last_place
    }
}
