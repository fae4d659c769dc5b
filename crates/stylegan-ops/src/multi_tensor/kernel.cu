// Adam and the moving average over all tensors of a network; the search for what is not finite. A block takes one chunk of one tensor.
#include "../kernel/common.cuh"

// Elements of a chunk; CHUNK in cuda.rs.
#define CHUNK 4096u

// One tensor with what belongs to it; what is absent is null. `first` is the number of its first chunk.
struct AdamTensors {
    float *p;
    const float *g;
    float *m, *v, *average;
    u32 len, first;
    float step_size, inverse_root, beta, unused;
};

// The tensor that a chunk belongs to: the last one whose first chunk is not behind it.
DEVICE u32 tensor_of(const AdamTensors *all, u32 count, u32 chunk) {
    u32 low = 0, high = count;
    while (high - low > 1) {
        const u32 middle = (low + high) / 2;
        if (all[middle].first <= chunk) low = middle;
        else high = middle;
    }
    return low;
}

DEVICE void adam_element(const AdamTensors &t, u32 i, bool skip, float beta1, float rest1, float beta2, float rest2,
                         float epsilon) {
    const float p = t.p[i];
    if (t.average) t.average[i] = t.beta == 0.0f ? p : p + (t.average[i] - p) * t.beta;
    if (!t.g || skip) return;
    const float g = t.g[i];
    float m = g;
    if (t.m) t.m[i] = m = beta1 * t.m[i] + rest1 * g;
    const float v = beta2 * t.v[i] + rest2 * (g * g);
    t.v[i] = v;
    t.p[i] = p - t.step_size * m / (sqrtf(v) * t.inverse_root + epsilon);
}

// unless: null, or a number that keeps everything but the averages as it is where it is not zero.
KERNEL adam_update(const AdamTensors *all, u32 count, const float *unless, float beta1, float rest1, float beta2,
                   float rest2, float epsilon) {
    const AdamTensors t = all[tensor_of(all, count, blockIdx.x)];
    const u32 start = (blockIdx.x - t.first) * CHUNK;
    const u32 len = t.len - start < CHUNK ? t.len - start : CHUNK;
    const bool skip = unless && *unless != 0.0f;
    FOR_EACH_OF_BLOCK(i, len) adam_element(t, start + i, skip, beta1, rest1, beta2, rest2, epsilon);
}

// flags: zero at first, one a tensor, and one for all of them.
KERNEL not_finite(const AdamTensors *all, u32 count, float *flags) {
    const u32 which = tensor_of(all, count, blockIdx.x);
    const AdamTensors t = all[which];
    const u32 start = (blockIdx.x - t.first) * CHUNK;
    const u32 len = t.len - start < CHUNK ? t.len - start : CHUNK;
    bool found = false;
    // Zero times a number is zero unless the number is not finite.
    FOR_EACH_OF_BLOCK(i, len) found = found || t.p[start + i] * 0.0f != 0.0f;
    if (found) flags[which] = flags[count] = 1.0f;
}
