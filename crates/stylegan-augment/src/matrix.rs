//! Products of small matrices, and the maps of the plane and of colours that the pipeline is made of.

/// A square matrix, row by row.
pub(crate) type Matrix<const K: usize> = [[f64; K]; K];

/// `a b`.
pub(crate) fn product<const K: usize>(a: &Matrix<K>, b: &Matrix<K>) -> Matrix<K> {
    let mut result = [[0.0; K]; K];
    for (i, row) in result.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            *value = (0..K).map(|k| a[i][k] * b[k][j]).sum();
        }
    }
    result
}

/// The matrix that changes nothing.
pub(crate) fn identity<const K: usize>() -> Matrix<K> {
    let mut result = [[0.0; K]; K];
    for (i, row) in result.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    result
}

/// Of the plane: `x` and `y` times factors.
pub(crate) fn scaling(x: f64, y: f64) -> Matrix<3> {
    [[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, 1.0]]
}

/// Of the plane: a turn by an angle in radians.
pub(crate) fn rotation(angle: f64) -> Matrix<3> {
    let (sine, cosine) = angle.sin_cos();
    [[cosine, -sine, 0.0], [sine, cosine, 0.0], [0.0, 0.0, 1.0]]
}

/// Of the plane: a shift.
pub(crate) fn shift(x: f64, y: f64) -> Matrix<3> {
    [[1.0, 0.0, x], [0.0, 1.0, y], [0.0, 0.0, 1.0]]
}

/// Of colours: all three components times a factor, and a number added.
pub(crate) fn grey(factor: f64, offset: f64) -> Matrix<4> {
    let mut result = identity();
    for (i, row) in result.iter_mut().enumerate().take(3) {
        row[i] = factor;
        row[3] = offset;
    }
    result
}

/// Of colours: what lies along the grey axis times `along`, what is at right angles to it times `across`, where it also turns by `angle`
/// (Rodrigues' formula).
pub(crate) fn about_grey(along: f64, across: f64, angle: f64) -> Matrix<4> {
    let axis = 1.0 / 3f64.sqrt();
    let (sine, cosine) = angle.sin_cos();
    let mut result = identity();
    for (i, row) in result.iter_mut().enumerate().take(3) {
        for (j, value) in row.iter_mut().enumerate().take(3) {
            let parallel = axis * axis;
            let own = f64::from(u8::from(i == j));
            // The vector product with the axis: +1, 0 or -1 times its component.
            let turned = match (3 + j - i) % 3 {
                1 => -axis,
                2 => axis,
                _ => 0.0,
            };
            *value = along * parallel + across * (cosine * (own - parallel) + sine * turned);
        }
    }
    result
}
