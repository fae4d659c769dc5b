use proptest::prelude::*;

use super::canvas::Canvas;
use super::*;

/// Pixels of a 32x32 picture that differ clearly.
fn changed(a: &Face, b: &Face) -> usize {
    let draw = |face: &Face| face.render((32, 32), 3).unwrap().data;
    let (a, b) = (draw(a), draw(b));
    (0..1024).filter(|at| (0..3).any(|c| a[c * 1024 + at].abs_diff(b[c * 1024 + at]) > 12)).count()
}

fn any_attribute() -> impl Strategy<Value = Attribute> {
    proptest::sample::select(Attribute::ALL.to_vec())
}

#[test]
fn names_match_their_attributes() {
    for (at, attribute) in Attribute::ALL.into_iter().enumerate() {
        assert_eq!(attribute as usize, at);
        assert_eq!(Attribute::from_name(attribute.name()), Some(attribute));
    }
    assert_eq!(Attribute::from_name("wings"), None);
}

#[test]
fn every_attribute_is_neither_rare_nor_everywhere() {
    let count = 4000;
    let mut seen = [0; Attribute::COUNT];
    for index in 0..count {
        for (sum, value) in seen.iter_mut().zip(Face::new(0, index).attributes().to_label()) {
            *sum += value as u64;
        }
    }
    for (attribute, seen) in Attribute::ALL.into_iter().zip(seen) {
        let share = seen as f64 / count as f64;
        assert!((0.13..0.62).contains(&share), "{}: {share}", attribute.name());
    }
}

#[test]
fn the_same_number_is_the_same_face_in_any_order() {
    let open = || Faces::new(FacesConfig { count: 50, ..FacesConfig::default() }).unwrap();
    let (forwards, backwards) = (open(), open());
    let mut samples: Vec<_> = (0..50).rev().map(|i| backwards.get(i).unwrap()).collect();
    samples.reverse();
    for (index, sample) in samples.into_iter().enumerate() {
        assert_eq!(forwards.get(index).unwrap(), sample);
        // From memory the second time.
        assert_eq!(forwards.get(index).unwrap(), sample);
    }
    assert!(matches!(forwards.get(50), Err(DatasetError::Index { index: 50, len: 50 })));
}

#[test]
fn what_is_over_the_memory_limit_is_drawn_again() {
    let config = FacesConfig { count: 5, ..FacesConfig::default() };
    let kept = Faces::new(config.clone()).unwrap();
    let drawn = Faces::new(FacesConfig { cache_bytes: 5 * 3 * 1024 - 1, ..config }).unwrap();
    for index in 0..5 {
        assert_eq!(kept.get(index).unwrap(), drawn.get(index).unwrap());
        assert_eq!(drawn.get(index).unwrap(), drawn.get(index).unwrap());
    }
}

#[test]
fn faces_differ_from_each_other() {
    let faces: Vec<_> = (0..40).map(|index| Face::new(3, index)).collect();
    for (i, a) in faces.iter().enumerate() {
        for b in &faces[..i] {
            assert!(changed(a, b) > 200);
        }
    }
}

#[test]
fn mirroring_swaps_the_leaning_labels_only() {
    let faces = Faces::new(FacesConfig { count: 60, ..FacesConfig::default() }).unwrap();
    let mut leaning = 0;
    for index in 0..60 {
        let before = faces.get(index).unwrap().label;
        let mut after = before.clone();
        faces.mirror_label(&mut after);
        for attribute in Attribute::ALL {
            let from = match attribute {
                Attribute::TiltedLeft => Attribute::TiltedRight,
                Attribute::TiltedRight => Attribute::TiltedLeft,
                other => other,
            };
            assert_eq!(after[attribute as usize], before[from as usize]);
        }
        leaning += usize::from(after != before);
    }
    assert!(leaning > 10);
}

#[test]
fn fingerprints_tell_configurations_apart() {
    let base = FacesConfig::default();
    let other = [
        FacesConfig { count: 9, ..base.clone() },
        FacesConfig { seed: 1, ..base.clone() },
        FacesConfig { channels: 1, ..base.clone() },
        FacesConfig { resolution: (32, 64), ..base.clone() },
    ];
    let print = |config: &FacesConfig| Faces::new(config.clone()).unwrap().fingerprint();
    let mut all: Vec<_> = std::iter::once(&base).chain(&other).map(print).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 5);
    assert_eq!(print(&base), print(&FacesConfig { cache_bytes: 0, ..base.clone() }));
}

#[test]
fn refuses_impossible_pictures() {
    let face = Face::new(0, 0);
    assert!(matches!(face.render((3, 32), 3), Err(DatasetError::Resolution { height: 3, .. })));
    assert!(matches!(face.render((32, 5000), 3), Err(DatasetError::Resolution { .. })));
    assert!(matches!(face.render((32, 32), 2), Err(DatasetError::Channels { channels: 2 })));
    let none = FacesConfig { count: 0, ..FacesConfig::default() };
    assert!(matches!(Faces::new(none), Err(DatasetError::NoImages)));
}

#[test]
fn a_transparent_picture_is_the_face_without_its_background() {
    let face = Face::new(0, 7);
    let rgb = face.render((64, 64), 3).unwrap();
    let rgba = face.render((64, 64), 4).unwrap();
    let (color, alpha) = rgba.data.split_at(3 * 64 * 64);
    let (mut clear, mut solid) = (0, 0);
    for at in 0..64 * 64 {
        match alpha[at] {
            0 => clear += 1,
            255 => {
                solid += 1;
                assert!((0..3).all(|c| color[c * 4096 + at] == rgb.data[c * 4096 + at]));
            }
            _ => {}
        }
    }
    assert!(clear > 300 && solid > 1500, "{clear} clear, {solid} solid");
    assert_eq!(Canvas::new(8, 8).unwrap().into_rgba(), [0; 256]);
}

#[test]
fn pictures_of_other_shapes_show_the_same_face() {
    let face = Face::new(0, 11);
    let square = face.render((64, 64), 1).unwrap();
    let wide = face.render((64, 128), 1).unwrap();
    let mut difference = 0u64;
    for y in 0..64 {
        for x in 0..64 {
            let pair = (square.data[y * 64 + x], wide.data[y * 128 + x + 32]);
            difference += u64::from(pair.0.abs_diff(pair.1));
        }
    }
    assert!(difference < 64 * 64, "a mean difference of {difference} / 4096");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    /// A label says what is drawn: switching it on or off is seen at 32x32, and nothing but
    /// the label changes that must.
    #[test]
    fn switching_an_attribute_is_seen(seed in 0u64..4, index in 0u64..1000, attribute in any_attribute()) {
        let face = Face::new(seed, index);
        let before = face.attributes();
        let after = before.with(attribute, !before.has(attribute));
        let switched = Face::with_attributes(seed, index, after);
        prop_assert_eq!(switched.attributes(), after);
        prop_assert_eq!(after.has(attribute), !before.has(attribute));
        let pixels = changed(&face, &switched);
        prop_assert!(pixels >= 4, "{}: {} pixels", attribute.name(), pixels);
    }

    /// Any wish that is consistent is fulfilled.
    #[test]
    fn any_consistent_set_can_be_drawn(wishes in proptest::collection::vec((any_attribute(), any::<bool>()), 0..24)) {
        let set = wishes.into_iter().fold(Attributes::default(), |set, (a, on)| set.with(a, on));
        prop_assert_eq!(Face::with_attributes(1, 2, set).attributes(), set);
        prop_assert_eq!(set.to_label().iter().sum::<f32>() as usize, Attribute::ALL.into_iter().filter(|&a| set.has(a)).count());
    }

    /// Without being asked to change, a face does not.
    #[test]
    fn attributes_and_number_give_the_face_back(seed: u64, index: u64) {
        let face = Face::new(seed, index);
        prop_assert_eq!(Face::with_attributes(seed, index, face.attributes()), face);
    }

    #[test]
    fn any_size_and_channels_can_be_drawn(index in 0u64..100, height in 4usize..140, width in 4usize..140, channels in prop_oneof![Just(1), Just(3), Just(4)]) {
        let image = Face::new(0, index).render((height, width), channels).unwrap();
        prop_assert_eq!(image.data.len(), height * width * channels);
        let (low, high) = (image.data.iter().min(), image.data.iter().max());
        prop_assert!(low < high);
    }
}
