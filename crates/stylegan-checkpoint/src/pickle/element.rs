//! The types of numbers in arrays and tensors.

use half::{bf16, f16};

/// A type of number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// One byte, zero or not.
    Bool,
    /// Unsigned 8 bits.
    U8,
    /// Signed 8 bits.
    I8,
    /// Unsigned 16 bits.
    U16,
    /// Signed 16 bits.
    I16,
    /// Unsigned 32 bits.
    U32,
    /// Signed 32 bits.
    I32,
    /// Unsigned 64 bits.
    U64,
    /// Signed 64 bits.
    I64,
    /// IEEE half precision.
    F16,
    /// Half of a single: 8 bits of exponent.
    BF16,
    /// IEEE single precision.
    F32,
    /// IEEE double precision.
    F64,
}

impl Element {
    /// Bytes of one number.
    pub fn size(self) -> usize {
        match self {
            Self::Bool | Self::U8 | Self::I8 => 1,
            Self::U16 | Self::I16 | Self::F16 | Self::BF16 => 2,
            Self::U32 | Self::I32 | Self::F32 => 4,
            Self::U64 | Self::I64 | Self::F64 => 8,
        }
    }

    /// Its name as safetensors writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bool => "BOOL",
            Self::U8 => "U8",
            Self::I8 => "I8",
            Self::U16 => "U16",
            Self::I16 => "I16",
            Self::U32 => "U32",
            Self::I32 => "I32",
            Self::U64 => "U64",
            Self::I64 => "I64",
            Self::F16 => "F16",
            Self::BF16 => "BF16",
            Self::F32 => "F32",
            Self::F64 => "F64",
        }
    }

    /// The type that numpy abbreviates so, such as `f4`, without the byte order.
    pub(crate) fn of_numpy(code: &str) -> Option<Self> {
        Some(match code {
            "b1" | "?" => Self::Bool,
            "u1" | "B" => Self::U8,
            "i1" | "b" => Self::I8,
            "u2" => Self::U16,
            "i2" => Self::I16,
            "u4" => Self::U32,
            "i4" => Self::I32,
            "u8" => Self::U64,
            "i8" => Self::I64,
            "f2" => Self::F16,
            "f4" => Self::F32,
            "f8" => Self::F64,
            _ => return None,
        })
    }

    /// The type of a PyTorch storage class, such as `FloatStorage`.
    pub(crate) fn of_storage(class: &str) -> Option<Self> {
        Some(match class {
            "BoolStorage" => Self::Bool,
            "ByteStorage" | "UntypedStorage" => Self::U8,
            "CharStorage" => Self::I8,
            "ShortStorage" => Self::I16,
            "IntStorage" => Self::I32,
            "LongStorage" => Self::I64,
            "HalfStorage" => Self::F16,
            "BFloat16Storage" => Self::BF16,
            "FloatStorage" => Self::F32,
            "DoubleStorage" => Self::F64,
            _ => return None,
        })
    }

    /// The first number of `bytes`, of which there are [`Self::size`].
    pub(crate) fn read(self, bytes: &[u8], big_endian: bool) -> f64 {
        let mut word = [0; 8];
        let size = self.size().min(bytes.len());
        word[..size].copy_from_slice(&bytes[..size]);
        if big_endian {
            word[..size].reverse();
        }
        let [a, b, c, d, ..] = word;
        match self {
            Self::Bool => f64::from(u8::from(a != 0)),
            Self::U8 => f64::from(a),
            Self::I8 => f64::from(a as i8),
            Self::U16 => f64::from(u16::from_le_bytes([a, b])),
            Self::I16 => f64::from(i16::from_le_bytes([a, b])),
            Self::U32 => f64::from(u32::from_le_bytes([a, b, c, d])),
            Self::I32 => f64::from(i32::from_le_bytes([a, b, c, d])),
            Self::U64 => u64::from_le_bytes(word) as f64,
            Self::I64 => i64::from_le_bytes(word) as f64,
            Self::F16 => f16::from_le_bytes([a, b]).to_f64(),
            Self::BF16 => bf16::from_le_bytes([a, b]).to_f64(),
            Self::F32 => f64::from(f32::from_le_bytes([a, b, c, d])),
            Self::F64 => f64::from_le_bytes(word),
        }
    }
}
