//! The counter-based generator Philox 4x32-10, several blocks at a time.

/// Blocks that are computed together. A power of two, and the same on every machine.
pub(super) const LANES: usize = 16;

/// The four words of `L` blocks.
pub(super) type Words<const L: usize> = [[u32; L]; 4];

/// 0, 1, 2, ... : the blocks of a group.
pub(super) const fn offsets() -> [u32; LANES] {
    let mut offsets = [0; LANES];
    let mut lane = 0;
    while lane < LANES {
        offsets[lane] = lane as u32;
        lane += 1;
    }
    offsets
}

/// The upper and the lower word of each product with a constant.
#[inline(always)]
fn multiply<const L: usize>(a: [u32; L], factor: u32) -> ([u32; L], [u32; L]) {
    let (mut high, mut low) = ([0; L], [0; L]);
    for lane in 0..L {
        let product = u64::from(a[lane]) * u64::from(factor);
        high[lane] = (product >> 32) as u32;
        low[lane] = product as u32;
    }
    (high, low)
}

/// `a ^ b ^ key` in each lane.
#[inline(always)]
fn mix<const L: usize>(a: [u32; L], b: [u32; L], key: u32) -> [u32; L] {
    let mut mixed = [0; L];
    for lane in 0..L {
        mixed[lane] = a[lane] ^ b[lane] ^ key;
    }
    mixed
}

/// Ten rounds: the random words of the given counters.
#[inline(always)]
pub(super) fn rounds<const L: usize>(key: [u32; 2], counters: Words<L>) -> Words<L> {
    // The constants of the publication, table 2 and section 4.3.
    const FACTORS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
    const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
    let mut key = key;
    let [mut a, mut b, mut c, mut d] = counters;
    for _ in 0..10 {
        let (high_a, low_a) = multiply(a, FACTORS[0]);
        let (high_c, low_c) = multiply(c, FACTORS[1]);
        (a, b, c, d) = (mix(high_c, b, key[0]), low_c, mix(high_a, d, key[1]), low_a);
        key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
    }
    [a, b, c, d]
}
