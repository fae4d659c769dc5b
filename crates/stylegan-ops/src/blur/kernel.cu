// The binomial blur: columns first, then rows, as on the CPU.
#include "../kernel/common.cuh"

// [1, 2, 1] down a column, around row `row` of a plane.
DEVICE float blur_column(const float *plane, u32 row, u32 column, u32 height, u32 width) {
    const float above = row > 0 ? plane[(row - 1) * width + column] : 0.0f;
    const float below = row + 1 < height ? plane[(row + 1) * width + column] : 0.0f;
    return (above + below) + 2.0f * plane[row * width + column];
}

KERNEL blur_forward(u32 count, const float *x, u32 height, u32 width, float *y) {
    FOR_EACH(i, count) {
        const u32 column = i % width, row = i / width % height;
        const float *plane = x + (i - row * width - column);
        const float left = column > 0 ? blur_column(plane, row, column - 1, height, width) : 0.0f;
        const float right = column + 1 < width ? blur_column(plane, row, column + 1, height, width) : 0.0f;
        y[i] = ((left + right) + 2.0f * blur_column(plane, row, column, height, width)) * (1.0f / 16.0f);
    }
}
