// The binomial blur: columns first, then rows, as on the CPU.
#include "../kernel/common.cuh"

// [1, 2, 1] down a column, around row `row` of a plane that begins at `first`.
template <class T>
DEVICE float blur_column(const T *x, u32 first, u32 row, u32 column, u32 height, u32 width) {
    const u32 centre = first + row * width + column;
    const float above = row > 0 ? load(x, centre - width) : 0.0f;
    const float below = row + 1 < height ? load(x, centre + width) : 0.0f;
    return (above + below) + 2.0f * load(x, centre);
}

KERNELS(blur_forward, (u32 count, const T *x, u32 height, u32 width, T *y), {
    FOR_EACH(i, count) {
        const u32 column = i % width;
        const u32 row = i / width % height;
        const u32 first = i - row * width - column;
        const float left = column > 0 ? blur_column(x, first, row, column - 1, height, width) : 0.0f;
        const float right = column + 1 < width ? blur_column(x, first, row, column + 1, height, width) : 0.0f;
        store(y, i, ((left + right) + 2.0f * blur_column(x, first, row, column, height, width)) * (1.0f / 16.0f));
    }
})
