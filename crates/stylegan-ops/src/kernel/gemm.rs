//! Matrix products of strided float32 matrices on the calling thread.

use gemm::Parallelism;

/// A matrix to read: element (i, j) lies at `pointer + i * row + j * column`.
#[derive(Clone, Copy)]
pub(crate) struct Mat {
    /// The element (0, 0).
    pub pointer: *const f32,
    /// Distance between rows, in elements.
    pub row: usize,
    /// Distance between columns, in elements.
    pub column: usize,
}

impl Mat {
    /// A row-major matrix at the start of `data`, its rows `row` elements apart.
    pub(crate) fn rows(data: &[f32], row: usize) -> Self {
        Self { pointer: data.as_ptr(), row, column: 1 }
    }

    /// The transpose of a row-major matrix at the start of `data`, whose rows are `row` elements apart.
    pub(crate) fn transposed(data: &[f32], row: usize) -> Self {
        Self { pointer: data.as_ptr(), row: 1, column: row }
    }
}

impl Mat {
    /// The matrix without its first `rows` rows.
    ///
    /// # Safety
    /// There must be as many.
    pub(crate) unsafe fn skip_rows(self, rows: usize) -> Self {
        // SAFETY: the row lies in the matrix.
        Self { pointer: unsafe { self.pointer.add(rows * self.row) }, ..self }
    }

    /// The matrix without its first `columns` columns.
    ///
    /// # Safety
    /// There must be as many.
    pub(crate) unsafe fn skip_columns(self, columns: usize) -> Self {
        // SAFETY: the column lies in the matrix.
        Self { pointer: unsafe { self.pointer.add(columns * self.column) }, ..self }
    }
}

// SAFETY: a matrix is only read, through an unsafe function whose caller keeps the memory alive.
unsafe impl Send for Mat {}
// SAFETY: as above.
unsafe impl Sync for Mat {}

/// A row-major matrix to write: element (i, j) lies at `pointer + i * row + j`.
#[derive(Clone, Copy)]
pub(crate) struct MatMut {
    /// The element (0, 0).
    pub pointer: *mut f32,
    /// Distance between rows, in elements.
    pub row: usize,
}

/// `c = scale * a * b`, or `c += scale * a * b`, with a [m, k], b [k, n], c [m, n].
///
/// One thread does it, in an order that sizes alone decide. `c` may be uninitialised unless `accumulate` is set.
///
/// # Safety
/// Every element of the three matrices must lie in memory that is valid for reading (a, b) or writing (c), and nobody else may
/// touch c meanwhile.
pub(crate) unsafe fn gemm(
    (m, n, k): (usize, usize, usize),
    a: Mat,
    b: Mat,
    c: MatMut,
    scale: f32,
    accumulate: bool,
) {
    // SAFETY: the caller's promise; the strides are those of the matrices.
    unsafe {
        gemm::gemm(
            m,
            n,
            k,
            c.pointer,
            1,
            c.row as isize,
            accumulate,
            a.pointer,
            a.column as isize,
            a.row as isize,
            b.pointer,
            b.column as isize,
            b.row as isize,
            if accumulate { 1.0 } else { 0.0 },
            scale,
            false,
            false,
            false,
            Parallelism::None,
        );
    }
}
