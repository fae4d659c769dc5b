//! The counter-based generator Philox 4x32-10.

/// Ten rounds: the random words of one counter.
///
/// Written for one block; loops over blocks are vectorized by the compiler.
#[inline(always)]
pub(super) fn rounds(key: [u32; 2], counter: [u32; 4]) -> [u32; 4] {
    // The constants of the publication, table 2 and section 4.3.
    const FACTORS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut key = key;
    let [mut a, mut b, mut c, mut d] = counter;
    for _ in 0..10 {
        let first = u64::from(a) * u64::from(FACTORS[0]);
        let second = u64::from(c) * u64::from(FACTORS[1]);
        (a, c) = ((second >> 32) as u32 ^ b ^ key[0], (first >> 32) as u32 ^ d ^ key[1]);
        (b, d) = (second as u32, first as u32);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [a, b, c, d]
}
