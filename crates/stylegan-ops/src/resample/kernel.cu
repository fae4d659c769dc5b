// Doubling by nearest neighbour and halving by sums of two by two. Planes follow one another, so that all rows are one list.
#include "../kernel/common.cuh"

// count: elements of y, whose rows have `width` elements.
KERNEL resample_up(u32 count, const float *x, u32 width, float gain, float *y) {
    FOR_EACH(i, count) y[i] = x[i / (2 * width) * (width / 2) + i % width / 2] * gain;
}

// count: elements of y, whose rows have `width` elements.
KERNEL resample_down(u32 count, const float *x, u32 width, float gain, float *y) {
    FOR_EACH(i, count) {
        const float *first = x + i / width * (4 * width) + 2 * (i % width);
        const float *second = first + 2 * width;
        y[i] = ((first[0] + first[1]) + (second[0] + second[1])) * gain;
    }
}
