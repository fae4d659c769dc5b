// Pixelwise normalization. A block takes 32 neighbouring positions of an image (fewer on smaller maps) through all channels: its threads stand in
// `lanes` columns, one a position, and share the channels.
#include "../kernel/common.cuh"

// The sum over the threads of this thread's column.
DEVICE double column_sum(double value, u32 lanes) {
    __shared__ double parts[512];
    parts[threadIdx.x] = value;
    __syncthreads();
    for (u32 half = blockDim.x / 2; half >= lanes; half /= 2) {
        if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
        __syncthreads();
    }
    const double total = parts[threadIdx.x % lanes];
    __syncthreads();
    return total;
}

KERNELS(pixel_norm_forward, (const T *x, u32 plane, u32 channels, float eps, u32 lanes, u32 tiles, T *y), {
    const u32 image = blockIdx.x / tiles;
    const u32 position = blockIdx.x % tiles * lanes + threadIdx.x % lanes;
    const u32 start = image * channels * plane + position;
    const u32 step = blockDim.x / lanes;
    const bool inside = position < plane;
    double squares = 0.0;
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const float value = load(x, start + c * plane);
        squares += value * value;
    }
    const float mean = (float)(column_sum(squares, lanes) / channels);
    const float r = 1.0f / sqrtf(mean + eps);
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        store(y, start + c * plane, load(x, start + c * plane) * r);
    }
})

KERNELS(pixel_norm_backward,
        (const T *g, const T *x, u32 plane, u32 channels, float eps, u32 lanes, u32 tiles, T *gx), {
    const u32 image = blockIdx.x / tiles;
    const u32 position = blockIdx.x % tiles * lanes + threadIdx.x % lanes;
    const u32 start = image * channels * plane + position;
    const u32 step = blockDim.x / lanes;
    const bool inside = position < plane;
    double squares = 0.0;
    double products = 0.0;
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const float value = load(x, start + c * plane);
        squares += value * value;
        products += load(g, start + c * plane) * value;
    }
    const float mean = (float)(column_sum(squares, lanes) / channels);
    const float r = 1.0f / sqrtf(mean + eps);
    const float along = (float)(column_sum(products, lanes) / channels) * (r * r * r);
    for (u32 c = threadIdx.x / lanes; inside && c < channels; c += step) {
        const u32 i = start + c * plane;
        store(gx, i, load(g, i) * r - load(x, i) * along);
    }
})
