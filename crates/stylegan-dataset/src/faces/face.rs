//! One face: its features, drawn from numbered streams, and the order they are painted in.

use stylegan_ops::random::Stream;
use tiny_skia::Transform;

use super::attributes::{Attribute, Attributes};
use super::background::Background;
use super::beard::Beard;
use super::body::Body;
use super::canvas::Canvas;
use super::earrings::Earrings;
use super::eyes::Eyes;
use super::glasses::Glasses;
use super::hair::Hair;
use super::hat::Hat;
use super::head::Head;
use super::mouth::Mouth;
use crate::random::Draw;

/// Position of the head: size, shift in units, and lean in degrees (positive: to the right).
///
/// Faces are aligned as those of FFHQ are: whoever the face, the eyes are near the same place, and the
/// head fills the picture.
#[derive(Debug, Clone, PartialEq)]
struct Pose {
    scale: f32,
    shift: (f32, f32),
    lean: f32,
}

impl Pose {
    fn sample(draw: &mut Draw, attributes: Attributes) -> Self {
        let scale = draw.range(1.13, 1.17);
        let shift = (draw.range(-0.6, 0.6), draw.range(-0.6, 0.6));
        let (upright, leaning) = (draw.range(-1.0, 1.0), draw.range(5.5, 9.0));
        let lean = if attributes.has(Attribute::TiltedLeft) {
            -leaning
        } else if attributes.has(Attribute::TiltedRight) {
            leaning
        } else {
            upright
        };
        Self { scale, shift, lean }
    }

    fn attributes(&self, set: Attributes) -> Attributes {
        set.with(Attribute::TiltedLeft, self.lean <= -5.0)
            .with(Attribute::TiltedRight, self.lean >= 5.0)
    }

    /// Only the head leans, about the point between the eyes.
    fn body(&self) -> Transform {
        Transform::from_translate(self.shift.0, self.shift.1).pre_concat(about(
            50.0,
            74.0,
            Transform::from_scale(self.scale, self.scale),
        ))
    }

    fn head(&self) -> Transform {
        self.body().pre_concat(about(50.0, 53.0, Transform::from_rotate(self.lean)))
    }
}

/// A transform with a given fixed point.
fn about(x: f32, y: f32, transform: Transform) -> Transform {
    Transform::from_translate(x, y).pre_concat(transform).pre_translate(-x, -y)
}

/// Everything that is drawn of one face. Two faces are equal when their pictures are.
#[derive(Debug, Clone, PartialEq)]
pub struct Face {
    background: Background,
    pose: Pose,
    head: Head,
    hair: Hair,
    eyes: Eyes,
    mouth: Mouth,
    beard: Beard,
    body: Body,
    glasses: Option<Glasses>,
    hat: Option<Hat>,
    earrings: Option<Earrings>,
}

impl Face {
    /// The face of a number: the same for ever for the same seed.
    pub fn new(seed: u64, index: u64) -> Self {
        let mut draw = feature(seed, index, 0);
        let lashes = draw.chance(0.5);
        Self::build(seed, index, lashes, Attributes::sample(&mut draw, lashes))
    }

    /// The same face with other attributes: whatever they do not concern stays as it was.
    pub fn with_attributes(seed: u64, index: u64, attributes: Attributes) -> Self {
        let lashes = feature(seed, index, 0).chance(0.5);
        Self::build(seed, index, lashes, attributes)
    }

    /// The attributes of this face, read off its features.
    pub fn attributes(&self) -> Attributes {
        let mut set = self.head.attributes(Attributes::default());
        set = self.pose.attributes(set);
        set = self.hair.attributes(set);
        set = self.eyes.attributes(set);
        set = self.mouth.attributes(set);
        set = self.beard.attributes(set);
        set = self.glasses.as_ref().map_or(set, |glasses| glasses.attributes(set));
        set = self.hat.as_ref().map_or(set, |hat| hat.attributes(set));
        self.earrings.as_ref().map_or(set, |earrings| earrings.attributes(set))
    }

    fn build(seed: u64, index: u64, lashes: bool, set: Attributes) -> Self {
        let draw = |id| feature(seed, index, id);
        let head = Head::sample(&mut draw(1), set);
        let hair = Hair::sample(&mut draw(2), set, lashes, head.skin);
        let background = Background::sample(&mut draw(3), head.skin, hair.color);
        let others = [head.skin, hair.color, background.color];
        Self {
            pose: Pose::sample(&mut draw(4), set),
            eyes: Eyes::sample(&mut draw(5), set, lashes, hair.brow_color(head.skin)),
            mouth: Mouth::sample(&mut draw(6), set, lashes),
            beard: Beard::sample(&mut draw(7), set, hair.color, head.skin),
            body: Body::sample(&mut draw(8), head.skin, hair.color, background.color),
            glasses: Glasses::sample(&mut draw(9), set, head.skin),
            hat: Hat::sample(&mut draw(10), set, &others),
            earrings: Earrings::sample(&mut draw(11), set, &others),
            background,
            head,
            hair,
        }
    }

    /// Paints back to front.
    pub(super) fn paint(&self, canvas: &mut Canvas, transparent: bool) {
        if !transparent {
            self.background.paint(canvas);
        }
        let hat = self.hat.is_some();
        canvas.pose(self.pose.head());
        self.hair.paint_back(canvas, &self.head, hat);
        canvas.pose(self.pose.body());
        self.body.paint(canvas, &self.head);
        canvas.pose(self.pose.head());
        self.head.paint(canvas);
        self.beard.paint_beard(canvas, &self.head);
        self.mouth.paint_nose(canvas, &self.head);
        self.mouth.paint(canvas, &self.head);
        self.beard.paint_moustache(canvas, &self.head);
        self.eyes.paint(canvas, &self.head);
        self.hair.paint_front(canvas, &self.head, hat);
        // Over the fringe, as cartoons do: brows are seen whatever the hair.
        self.eyes.paint_brows(canvas, &self.head);
        if let Some(glasses) = &self.glasses {
            glasses.paint(canvas, &self.head, &self.eyes);
        }
        if let Some(hat) = &self.hat {
            hat.paint(canvas, &self.head);
        }
        if let Some(earrings) = &self.earrings {
            earrings.paint(canvas, &self.head);
        }
    }
}

/// The draws of one feature of one face.
fn feature(seed: u64, index: u64, id: u32) -> Draw {
    Draw::new(Stream::new(seed, index, 0x4641_0000 | id))
}
