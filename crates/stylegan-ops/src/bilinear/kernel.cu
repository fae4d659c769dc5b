// Doubling by bilinear interpolation, and its transpose. Indices beyond the border mean the nearest element inside.
#include "../kernel/common.cuh"

// count: elements of y, of twice the height h and the width w of x.
KERNELS(bilinear_doubling, (u32 count, const T *x, u32 h, u32 w, T *y), {
    FOR_EACH(i, count) {
        const u32 column = i % (2 * w), row = i / (2 * w) % (2 * h), plane = i / (4 * h * w) * h * w;
        const u32 r = row / 2, c = column / 2;
        const u32 fr = row % 2 ? min(r + 1, h - 1) : (r ? r - 1 : 0);
        const u32 fc = column % 2 ? min(c + 1, w - 1) : (c ? c - 1 : 0);
        const float near = 0.75f * load(x, plane + r * w + c) + 0.25f * load(x, plane + fr * w + c);
        const float far = 0.75f * load(x, plane + r * w + fc) + 0.25f * load(x, plane + fr * w + fc);
        store(y, i, 0.75f * near + 0.25f * far);
    }
})

// count: elements of y, of half the height h and the width w of x.
KERNELS(bilinear_halving, (u32 count, const T *x, u32 h, u32 w, T *y), {
    FOR_EACH(i, count) {
        const u32 column = i % (w / 2), row = i / (w / 2) % (h / 2), plane = i / (h / 2 * (w / 2)) * h * w;
        const u32 rows[4] = {row ? 2 * row - 1 : 0, 2 * row, 2 * row + 1, min(2 * row + 2, h - 1)};
        const u32 columns[4] = {column ? 2 * column - 1 : 0, 2 * column, 2 * column + 1, min(2 * column + 2, w - 1)};
        float sums[4];
        for (u32 k = 0; k < 4; ++k) {
            const T *at = x + plane + columns[k];
            sums[k] = 0.25f * (load(at, rows[0] * w) + load(at, rows[3] * w)) + 0.75f * (load(at, rows[1] * w) + load(at, rows[2] * w));
        }
        store(y, i, 0.25f * (sums[0] + sums[3]) + 0.75f * (sums[1] + sums[2]));
    }
})
