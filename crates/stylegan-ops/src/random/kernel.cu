// Random numbers from a counter, with the arithmetic of philox.rs and transform.rs: the same bits. Compiled without fused multiply-adds.
#include "../kernel/common.cuh"

// A stream's key and the rest of its counter.
struct RandomStream {
    u32 key[2];
    u32 id, step[2];
};

// Ten rounds of Philox 4x32 for the block of `index`.
DEVICE void philox(RandomStream stream, u32 index, u32 *words) {
    u32 a = index, b = stream.id, c = stream.step[0], d = stream.step[1];
    u32 low = stream.key[0], high = stream.key[1];
    for (int round = 0; round < 10; ++round) {
        const unsigned long long first = (unsigned long long)a * 0xD2511F53u;
        const unsigned long long second = (unsigned long long)c * 0xCD9E8D57u;
        a = (u32)(second >> 32) ^ b ^ low;
        c = (u32)(first >> 32) ^ d ^ high;
        b = (u32)second;
        d = (u32)first;
        low += 0x9E3779B9u;
        high += 0xBB67AE85u;
    }
    words[0] = a;
    words[1] = b;
    words[2] = c;
    words[3] = d;
}

DEVICE float of_bits(u32 bits) {
    union {
        u32 bits;
        float value;
    } both;
    both.bits = bits;
    return both.value;
}

DEVICE u32 bits_of(float value) {
    union {
        u32 bits;
        float value;
    } both;
    both.value = value;
    return both.bits;
}

// The natural logarithm of a positive normal number.
DEVICE float natural_logarithm(float x) {
    const float p[8] = {0.3333333f,  -0.2500082f,  0.20001227f, -0.16623357f,
                        0.14201759f, -0.13160182f, 0.12761575f, -0.07634494f};
    const u32 bits = bits_of(x);
    const int exponent = (int)(bits - 0x3f3504f3u) >> 23;
    const float f = of_bits(bits - ((u32)exponent << 23)) - 1.0f;
    float sum = p[7];
    for (int k = 6; k >= 0; --k) sum = sum * f + p[k];
    const float square = f * f;
    return (float)exponent * 0.693147180559945309f + (f + (f * square * sum - 0.5f * square));
}

// Sine and cosine of `angle` 2^-32 turns.
DEVICE void sine_and_cosine(u32 angle, float *sine, float *cosine) {
    const float s[3] = {-0.16666655f, 0.008332178f, -0.00019517267f};
    const float c[3] = {0.041666655f, -0.0013887654f, 0.000024463804f};
    const u32 quarter = (angle + (1u << 29)) >> 30;
    const int rest = (int)(angle - (quarter << 30));
    const float x = (float)rest * (3.14159265358979324f / 2147483648.0f);
    const float square = x * x;
    const float sin_sum = (s[2] * square + s[1]) * square + s[0];
    const float cos_sum = (c[2] * square + c[1]) * square + c[0];
    const float own_sine = x + x * square * sin_sum;
    const float own_cosine = 1.0f + (square * square * cos_sum - 0.5f * square);
    const bool even = (quarter & 1) == 0;
    *sine = of_bits(bits_of(even ? own_sine : own_cosine) ^ ((quarter & 2) << 30));
    *cosine = of_bits(bits_of(even ? own_cosine : own_sine) ^ (((quarter + 1) & 2) << 30));
}

DEVICE void normal_pair(u32 radius, u32 angle, float *values) {
    const float unit = ((float)(int)(radius >> 1) + 0.5f) * (1.0f / 2147483648.0f);
    const float length = sqrtf(-2.0f * natural_logarithm(unit));
    float sine, cosine;
    sine_and_cosine(angle, &sine, &cosine);
    values[0] = length * cosine;
    values[1] = length * sine;
}

// Writes up to four elements of the block of `index`.
DEVICE void put(u32 count, u32 index, const float *values, float *out) {
    for (u32 i = 0; i < 4 && index * 4 + i < count; ++i) out[index * 4 + i] = values[i];
}

KERNEL random_normal(u32 count, RandomStream stream, float *out) {
    FOR_EACH(index, (count + 3) / 4) {
        u32 words[4];
        float values[4];
        philox(stream, index, words);
        normal_pair(words[0], words[1], values);
        normal_pair(words[2], words[3], values + 2);
        put(count, index, values, out);
    }
}

KERNEL random_uniform(u32 count, RandomStream stream, float *out) {
    FOR_EACH(index, (count + 3) / 4) {
        u32 words[4];
        float values[4];
        philox(stream, index, words);
        for (int i = 0; i < 4; ++i) values[i] = (float)(int)(words[i] >> 8) * (1.0f / 16777216.0f);
        put(count, index, values, out);
    }
}

KERNEL random_salt_and_pepper(u32 count, RandomStream stream, float *out) {
    const float height = 2.0f * 1.41421356237309505f;
    FOR_EACH(index, (count + 3) / 4) {
        u32 words[4];
        float values[4];
        philox(stream, index, words);
        for (int i = 0; i < 4; ++i) {
            const u32 which = words[i] >> 28;
            values[i] = which == 0 ? height : which == 1 ? -height : 0.0f;
        }
        put(count, index, values, out);
    }
}
