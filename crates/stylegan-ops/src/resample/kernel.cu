// Doubling by nearest neighbour and halving by sums of two by two. Planes follow one another, so that all rows are one list.
#include "../kernel/common.cuh"

// count: elements of y, whose rows have `width` elements.
KERNELS(resample_up, (u32 count, const T *x, u32 width, float gain, T *y), {
    FOR_EACH(i, count) store(y, i, load(x, i / (2 * width) * (width / 2) + i % width / 2) * gain);
})

// count: elements of y, whose rows have `width` elements.
KERNELS(resample_down, (u32 count, const T *x, u32 width, float gain, T *y), {
    FOR_EACH(i, count) {
        const u32 first = i / width * (4 * width) + 2 * (i % width);
        const u32 second = first + 2 * width;
        store(y, i, ((load(x, first) + load(x, first + 1)) + (load(x, second) + load(x, second + 1))) * gain);
    }
})
