// Zero insertion, FIR filter and decimation, in one pass. Each output sums a few rows, and then along them.
#include "../kernel/common.cuh"

// One axis, and its taps. `MOST_TAPS` in cuda.rs.
struct UpfirdnAxis {
    u32 up, down;
    int before;
    u32 input, output, taps;
    float tap[16];
};

KERNELS(upfirdn2d_forward, (u32 count, const T *x, UpfirdnAxis rows, UpfirdnAxis columns, T *y), {
    FOR_EACH(i, count) {
        const u32 column = i % columns.output;
        const u32 row = i / columns.output % rows.output;
        const u32 plane = i / columns.output / rows.output * (rows.input * columns.input);
        float sum = 0.0f;
        for (u32 t = 0; t < columns.taps; ++t) {
            const int across = (int)(column * columns.down + t) - columns.before;
            if (across < 0 || across % columns.up != 0 || across / columns.up >= columns.input) continue;
            float line = 0.0f;
            for (u32 s = 0; s < rows.taps; ++s) {
                const int down = (int)(row * rows.down + s) - rows.before;
                if (down < 0 || down % rows.up != 0 || down / rows.up >= rows.input) continue;
                line += load(x, plane + down / rows.up * columns.input + across / columns.up) * rows.tap[s];
            }
            sum += line * columns.tap[t];
        }
        store(y, i, sum);
    }
})
