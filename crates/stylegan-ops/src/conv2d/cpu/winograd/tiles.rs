//! Where tiles lie, and moving their pixels in and out.

use super::super::super::geometry::Geometry;
use super::{Lane, TILES};
use crate::kernel::{LANES, SharedMut};

/// The tiles of a batch of maps: row-major within a map, map after map.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub height: usize,
    pub width: usize,
    pub across: usize,
    pub down: usize,
    pub count: usize,
}

/// Neighbouring tiles of one row of tiles.
pub(super) struct Run {
    /// The map they lie in.
    pub image: usize,
    /// Their row of tiles.
    pub row: usize,
    /// The first one's place in that row.
    pub column: usize,
    /// How many they are.
    pub len: usize,
    /// The first one's place in the block.
    pub at: usize,
}

impl Tiling {
    /// Tiles of 4x4 over the maps of a convolution that keeps the size.
    pub(super) fn new(geo: &Geometry) -> Self {
        let (across, down) = (geo.out_w.div_ceil(4), geo.out_h.div_ceil(4));
        Self { height: geo.out_h, width: geo.out_w, across, down, count: geo.batch * across * down }
    }

    /// Elements of a map.
    pub(super) fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Blocks of [`TILES`].
    pub(super) fn blocks(&self) -> usize {
        self.count.div_ceil(TILES)
    }

    /// Tiles of a block.
    pub(super) fn len(&self, block: usize) -> usize {
        TILES.min(self.count - block * TILES)
    }

    /// The runs of a block.
    pub(super) fn runs(&self, block: usize) -> Vec<Run> {
        let (first, end) = (block * TILES, block * TILES + self.len(block));
        let mut runs = Vec::new();
        let mut tile = first;
        while tile < end {
            let column = tile % self.across;
            let len = (self.across - column).min(end - tile);
            let line = tile / self.across;
            runs.push(Run {
                image: line / self.down,
                row: line % self.down,
                column,
                len,
                at: tile - first,
            });
            tile += len;
        }
        runs
    }
}

impl Run {
    /// Reads the 6x6 pixels around each tile, `lanes[row * 6 + column][tile]`, with zeros outside of the map.
    #[inline(always)]
    pub(super) fn read_padded(&self, tiling: &Tiling, plane: &[f32], lanes: &mut [Lane; 36]) {
        for r in 0..6 {
            let Some([before, a, b, c, d, after]) = lanes[r * 6..].first_chunk_mut::<6>() else {
                return;
            };
            let span = self.at..self.at + self.len;
            let y = self.row * 4 + r;
            if y == 0 || y > tiling.height {
                for lane in [before, a, b, c, d, after] {
                    lane[span.clone()].fill(0.0);
                }
                continue;
            }
            let line = &plane[(y - 1) * tiling.width..][..tiling.width];
            self.read_four(line, [&mut *a, &mut *b, &mut *c, &mut *d]);
            // the columns left and right of a tile belong to its neighbours
            before[self.at] = if self.column == 0 { 0.0 } else { line[self.column * 4 - 1] };
            before[self.at + 1..span.end].copy_from_slice(&d[self.at..span.end - 1]);
            after[self.at..span.end - 1].copy_from_slice(&a[self.at + 1..span.end]);
            after[span.end - 1] = line.get((self.column + self.len) * 4).copied().unwrap_or(0.0);
        }
    }

    /// Reads the four pixels of each tile in one line of the map, with zeros beyond its end.
    #[inline(always)]
    fn read_four(&self, line: &[f32], [a, b, c, d]: [&mut Lane; 4]) {
        let span = self.at..self.at + self.len;
        let pixels = &line[self.column * 4..];
        let lanes = a[span.clone()].iter_mut().zip(&mut b[span.clone()]);
        let lanes = lanes.zip(c[span.clone()].iter_mut().zip(&mut d[span.clone()]));
        for (((a, b), (c, d)), tile) in lanes.zip(pixels.chunks_exact(4)) {
            (*a, *b, *c, *d) = (tile[0], tile[1], tile[2], tile[3]);
        }
        let whole = (pixels.len() / 4).min(self.len);
        if whole < self.len {
            let rest = &pixels[whole * 4..];
            for (lane, i) in [a, b, c, d].into_iter().zip(0..) {
                lane[self.at + whole] = rest.get(i).copied().unwrap_or(0.0);
            }
        }
    }

    /// Reads the 4x4 pixels of each tile into one lane, `pixels[tile][row * 4 + column][lane]`; those outside of the map are left alone.
    #[inline(always)]
    pub(super) fn spread(
        &self,
        tiling: &Tiling,
        plane: &[f32],
        lane: usize,
        pixels: &mut [[[f32; LANES]; 16]; TILES],
    ) {
        let first = self.column * 4;
        for (r, y) in (self.row * 4..tiling.height.min(self.row * 4 + 4)).enumerate() {
            let line = &plane[y * tiling.width..][first..tiling.width.min(first + self.len * 4)];
            let tiles = pixels[self.at..self.at + self.len].iter_mut();
            for (tile, line) in tiles.zip(line.chunks(4)) {
                for (pixel, value) in tile[r * 4..r * 4 + 4].iter_mut().zip(line) {
                    pixel[lane] = *value;
                }
            }
        }
    }

    /// Writes the 4x4 pixels of each tile, as far as they lie in the map that starts at `base`.
    ///
    /// # Safety
    /// Nobody else may touch the pixels of these tiles meanwhile.
    #[inline(always)]
    pub(super) unsafe fn write(
        &self,
        tiling: &Tiling,
        lanes: &[Lane; 16],
        maps: SharedMut<'_>,
        base: usize,
    ) {
        let span = self.at..self.at + self.len;
        let first = self.column * 4;
        let len = (self.len * 4).min(tiling.width - first);
        for r in 0..4 {
            let Some([a, b, c, d]) = lanes[r * 4..].first_chunk::<4>() else { return };
            let y = self.row * 4 + r;
            if y >= tiling.height {
                return;
            }
            // SAFETY: this part of the line is pixels of these tiles.
            let pixels = unsafe { maps.slice_mut(base + y * tiling.width + first, len) };
            let values = a[span.clone()].iter().zip(&b[span.clone()]);
            let values = values.zip(c[span.clone()].iter().zip(&d[span.clone()]));
            for (((a, b), (c, d)), tile) in values.zip(pixels.chunks_exact_mut(4)) {
                (tile[0], tile[1], tile[2], tile[3]) = (*a, *b, *c, *d);
            }
            // the last tile may lie half outside
            for (lane, pixel) in
                [a, b, c].into_iter().zip(pixels.chunks_exact_mut(4).into_remainder())
            {
                *pixel = lane[self.at + len / 4];
            }
        }
    }
}
