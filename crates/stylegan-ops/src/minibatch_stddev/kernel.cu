// Minibatch standard deviation, its vector-Jacobian product, and the gradients of that. A block takes one run of channels of one group, whose
// elements lie one after another in every member.
#include "../kernel/common.cuh"

#define EPS 1e-8f

// How a batch is cut, as `Groups` in mod.rs.
struct StddevGroups {
    u32 members, count, features, run, positions;
};

// The first element of run `f` of member `k` of group `m`, in a tensor of `channels` channels.
DEVICE u32 run_of(StddevGroups groups, u32 channels, u32 k, u32 m, u32 f) {
    return ((k * groups.count + m) * channels + f * groups.run) * groups.positions;
}

// The first element of the map of run `f` of member `k` of group `m`, behind the channels.
DEVICE u32 map_of(StddevGroups groups, u32 k, u32 m, u32 f) {
    const u32 channels = groups.features * groups.run;
    return ((k * groups.count + m) * (channels + groups.features) + channels + f) * groups.positions;
}

// Mean and standard deviation over the members of one element of a run.
template <class T>
DEVICE void deviation_of(StddevGroups groups, const T *x, u32 m, u32 f, u32 e, float *mean, float *s) {
    const u32 channels = groups.features * groups.run;
    const float share = 1.0f / groups.members;
    float sum = 0.0f, squares = 0.0f;
    for (u32 k = 0; k < groups.members; ++k) sum += load(x, run_of(groups, channels, k, m, f) + e);
    *mean = sum * share;
    for (u32 k = 0; k < groups.members; ++k) {
        const float d = load(x, run_of(groups, channels, k, m, f) + e) - *mean;
        squares += d * d;
    }
    *s = sqrtf(squares * share + EPS);
}

// The sum of g over the maps of a run, times the weight of one element.
template <class T>
DEVICE float slope_of(StddevGroups groups, const T *g, u32 m, u32 f, double weight) {
    double sum = 0.0;
    for (u32 k = 0; k < groups.members; ++k) {
        FOR_EACH_OF_BLOCK(p, groups.positions) sum += load(g, map_of(groups, k, m, f) + p);
    }
    return (float)(block_sum(sum) * weight);
}

// Writes the images' own channels of one run, and `value` into its maps.
template <class T>
DEVICE void with_maps(StddevGroups groups, const T *from, float value, u32 m, u32 f, T *to) {
    const u32 channels = groups.features * groups.run;
    for (u32 k = 0; k < groups.members; ++k) {
        const T *own = from + run_of(groups, channels, k, m, f);
        T *out = to + run_of(groups, channels + groups.features, k, m, f);
        FOR_EACH_OF_BLOCK(e, groups.run * groups.positions) out[e] = own[e];
        FOR_EACH_OF_BLOCK(p, groups.positions) store(to, map_of(groups, k, m, f) + p, value);
    }
}

KERNELS(minibatch_stddev_forward, (const T *x, StddevGroups groups, T *y), {
    const u32 m = blockIdx.x / groups.features;
    const u32 f = blockIdx.x % groups.features;
    const u32 len = groups.run * groups.positions;
    double sum = 0.0;
    FOR_EACH_OF_BLOCK(e, len) {
        float mean;
        float s;
        deviation_of(groups, x, m, f, e, &mean, &s);
        sum += s;
    }
    with_maps(groups, x, (float)(block_sum(sum) / len), m, f, y);
})

KERNELS(minibatch_stddev_vjp, (const T *x, const T *g, StddevGroups groups, double weight, T *gx), {
    const u32 m = blockIdx.x / groups.features;
    const u32 f = blockIdx.x % groups.features;
    const u32 channels = groups.features * groups.run;
    const float slope = slope_of(groups, g, m, f, weight);
    FOR_EACH_OF_BLOCK(e, groups.run * groups.positions) {
        float mean;
        float s;
        deviation_of(groups, x, m, f, e, &mean, &s);
        for (u32 k = 0; k < groups.members; ++k) {
            const u32 i = run_of(groups, channels, k, m, f) + e;
            const u32 j = run_of(groups, channels + groups.features, k, m, f) + e;
            store(gx, i, load(g, j) + slope * ((load(x, i) - mean) / s));
        }
    }
})

// The gradient to x, and that to g.
KERNELS(minibatch_stddev_vjp_backward,
        (const T *x, const T *g, const T *v, StddevGroups groups, double weight, T *to_x, T *to_g), {
    const u32 m = blockIdx.x / groups.features;
    const u32 f = blockIdx.x % groups.features;
    const u32 channels = groups.features * groups.run;
    const float share = 1.0f / groups.members;
    const float slope = slope_of(groups, g, m, f, weight);
    double through = 0.0;
    FOR_EACH_OF_BLOCK(e, groups.run * groups.positions) {
        float mean;
        float s;
        float v_mean = 0.0f;
        float along = 0.0f;
        deviation_of(groups, x, m, f, e, &mean, &s);
        for (u32 k = 0; k < groups.members; ++k) {
            const u32 i = run_of(groups, channels, k, m, f) + e;
            v_mean += load(v, i);
            along += load(v, i) * (load(x, i) - mean);
        }
        v_mean *= share;
        along /= s;
        through += along;
        for (u32 k = 0; k < groups.members; ++k) {
            const u32 i = run_of(groups, channels, k, m, f) + e;
            const float unit = (load(x, i) - mean) / s;
            store(to_x, i, slope * (((load(v, i) - v_mean) - unit * along * share) / s));
        }
    }
    with_maps(groups, v, (float)(block_sum(through) * weight), m, f, to_g);
})
