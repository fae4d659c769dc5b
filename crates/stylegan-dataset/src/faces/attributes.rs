//! The binary labels of the bundled faces.

use crate::random::Draw;

/// Something a face has or has not. The label is read off what is drawn, so it is always exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Attribute {
    /// Glasses of any kind, dark ones included.
    Glasses,
    /// Glasses with dark lenses; implies [`Attribute::Glasses`].
    Sunglasses,
    /// The corners of the mouth go up.
    Smiling,
    /// The mouth is open: its inside is seen.
    MouthOpen,
    /// A beard along the jaw.
    Beard,
    /// A moustache under the nose.
    Moustache,
    /// Any headgear.
    Hat,
    /// A pair of earrings.
    Earrings,
    /// Hair that falls below the chin.
    LongHair,
    /// Hair in curls: an afro, short curls or long waves.
    CurlyHair,
    /// No hair on the head at all, under a hat or not.
    Bald,
    /// Golden or platinum hair.
    BlondHair,
    /// One of the four darker skin tones of nine.
    DarkSkin,
    /// A head that is a circle, against oval, square or heart-shaped ones.
    RoundHead,
    /// The head leans at least 5 degrees to the left of the picture.
    TiltedLeft,
    /// The head leans at least 5 degrees to the right of the picture.
    TiltedRight,
    /// Coloured discs on the cheeks.
    RosyCheeks,
    /// Heavy eyebrows.
    ThickBrows,
}

impl Attribute {
    /// How many there are: the length of a label.
    pub const COUNT: usize = 18;

    /// All of them, in the order of the label.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Glasses,
        Self::Sunglasses,
        Self::Smiling,
        Self::MouthOpen,
        Self::Beard,
        Self::Moustache,
        Self::Hat,
        Self::Earrings,
        Self::LongHair,
        Self::CurlyHair,
        Self::Bald,
        Self::BlondHair,
        Self::DarkSkin,
        Self::RoundHead,
        Self::TiltedLeft,
        Self::TiltedRight,
        Self::RosyCheeks,
        Self::ThickBrows,
    ];

    /// The names, in the order of the label.
    pub const NAMES: [&'static str; Self::COUNT] = [
        "glasses",
        "sunglasses",
        "smiling",
        "mouth_open",
        "beard",
        "moustache",
        "hat",
        "earrings",
        "long_hair",
        "curly_hair",
        "bald",
        "blond_hair",
        "dark_skin",
        "round_head",
        "tilted_left",
        "tilted_right",
        "rosy_cheeks",
        "thick_brows",
    ];

    /// The name used in labels, `snake_case`.
    pub fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }

    /// The attribute with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribute| attribute.name() == name)
    }
}

/// A consistent set of attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Attributes(u32);

impl Attributes {
    /// Whether the set holds an attribute.
    pub fn has(self, attribute: Attribute) -> bool {
        self.0 & (1 << attribute as u32) != 0
    }

    /// The set with one attribute switched, and whatever that switch implies: dark lenses need
    /// glasses, a bald head has no hair, and a head leans one way only.
    #[must_use]
    pub fn with(self, attribute: Attribute, on: bool) -> Self {
        use Attribute as A;
        let set = self.set(attribute, on);
        match (attribute, on) {
            (A::Sunglasses, true) => set.set(A::Glasses, true),
            (A::Glasses, false) => set.set(A::Sunglasses, false),
            (A::Bald, true) => {
                set.set(A::LongHair, false).set(A::CurlyHair, false).set(A::BlondHair, false)
            }
            (A::LongHair | A::CurlyHair | A::BlondHair, true) => set.set(A::Bald, false),
            (A::TiltedLeft, true) => set.set(A::TiltedRight, false),
            (A::TiltedRight, true) => set.set(A::TiltedLeft, false),
            _ => set,
        }
    }

    /// The label: 1 for an attribute that is present and 0 otherwise, in the order of
    /// [`Attribute::ALL`].
    pub fn to_label(self) -> Vec<f32> {
        Attribute::ALL.iter().map(|&a| if self.has(a) { 1.0 } else { 0.0 }).collect()
    }

    fn set(self, attribute: Attribute, on: bool) -> Self {
        let bit = 1 << attribute as u32;
        Self(if on { self.0 | bit } else { self.0 & !bit })
    }

    /// Draws a set. As in photographs, attributes are not independent: `lashes`, which is itself
    /// a coin flip and no label, favours long hair and earrings over beards and bald heads.
    pub(crate) fn sample(draw: &mut Draw, lashes: bool) -> Self {
        use Attribute as A;
        let likely = |with: f32, without: f32| if lashes { with } else { without };
        let mut set = Self::default();
        let mut flip = |set: Self, attribute, probability: f32| {
            if draw.chance(probability) { set.with(attribute, true) } else { set }
        };
        set = flip(set, A::Glasses, 0.38);
        if set.has(A::Glasses) {
            set = flip(set, A::Sunglasses, 0.42);
        }
        set = flip(set, A::Smiling, 0.55);
        set = flip(set, A::MouthOpen, 0.42);
        set = flip(set, A::Beard, likely(0.02, 0.40));
        set = flip(set, A::Moustache, likely(0.02, 0.38));
        set = flip(set, A::Hat, 0.24);
        set = flip(set, A::Earrings, likely(0.5, 0.12));
        set = flip(set, A::Bald, likely(0.04, 0.28));
        if !set.has(A::Bald) {
            set = flip(set, A::LongHair, likely(0.62, 0.14));
            set = flip(set, A::CurlyHair, 0.28);
            set = flip(set, A::BlondHair, 0.24);
        }
        set = flip(set, A::DarkSkin, 0.40);
        set = flip(set, A::RoundHead, 0.42);
        let lean = draw.unit();
        if lean < 0.16 {
            set = set.with(A::TiltedLeft, true);
        } else if lean < 0.32 {
            set = set.with(A::TiltedRight, true);
        }
        let mut flip = |set: Self, attribute, probability: f32| {
            if draw.chance(probability) { set.with(attribute, true) } else { set }
        };
        set = flip(set, A::RosyCheeks, likely(0.5, 0.22));
        flip(set, A::ThickBrows, likely(0.15, 0.5))
    }
}
