//! PyTorch files of any make, and the layouts that only whole files have.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};
use std::path::Path;

use candle_core::Tensor;
use stylegan_checkpoint::pickle::{Document, Limits};
use stylegan_testkit::pickle::{int, text};
use zip::write::{SimpleFileOptions, ZipWriter};

use super::names::names;
use super::*;
use crate::{Dialect, Role};

/// An entry of a file.
pub enum Entry<'a> {
    /// Tensors by name.
    Tensors(&'a BTreeMap<String, Tensor>),
    /// Tensors of these shapes by name, which share their numbers.
    Shapes(&'a BTreeMap<String, Vec<usize>>),
    /// One tensor.
    Tensor(&'a Tensor),
    /// Words by name.
    Words(&'a [(&'a str, &'a str)]),
    /// The object that Python's parser of arguments makes, with these words.
    Arguments(&'a [(&'a str, &'a str)]),
}

/// The pickle, and the storages.
#[derive(Default)]
struct Writer {
    out: Vec<u8>,
    storages: Vec<Vec<u8>>,
}

impl Writer {
    /// A storage, and its number.
    fn storage(&mut self, values: &[f32]) -> usize {
        self.storages.push(values.iter().flat_map(|value| value.to_le_bytes()).collect());
        self.storages.len() - 1
    }

    /// A tensor at the beginning of a storage.
    fn tensor(&mut self, storage: usize, shape: &[usize]) {
        let numbers = self.storages[storage].len() / 4;
        let out = &mut self.out;
        out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
        text(out, "storage");
        out.extend(b"ctorch\nFloatStorage\n");
        text(out, &storage.to_string());
        text(out, "cpu");
        int(out, numbers as i64);
        out.extend(b"tQK\0(");
        shape.iter().for_each(|&dim| int(out, dim as i64));
        out.extend(b"t(");
        let mut step = shape.iter().product::<usize>();
        for &dim in shape {
            step /= dim;
            int(out, step as i64);
        }
        out.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
    }

    fn whole(&mut self, tensor: &Tensor) {
        let storage = self.storage(&tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap());
        self.tensor(storage, tensor.dims());
    }

    /// Tensors of these shapes, all with the same numbers of one storage.
    fn shared(&mut self, shapes: &BTreeMap<String, Vec<usize>>) {
        let largest = shapes.values().map(|shape| shape.iter().product()).max().unwrap_or(0);
        let storage = self.storage(&vec![0.5; largest]);
        for (name, shape) in shapes {
            text(&mut self.out, name);
            self.tensor(storage, shape);
        }
    }

    fn words(&mut self, words: &[(&str, &str)]) {
        self.out.extend(b"}(");
        for (key, word) in words {
            text(&mut self.out, key);
            text(&mut self.out, word);
        }
        self.out.push(b'u');
    }

    fn entry(&mut self, entry: &Entry) {
        match entry {
            Entry::Tensors(tensors) => {
                self.out.extend(b"ccollections\nOrderedDict\n)R(");
                for (name, tensor) in *tensors {
                    text(&mut self.out, name);
                    self.whole(tensor);
                }
                self.out.push(b'u');
            }
            Entry::Shapes(shapes) => {
                self.out.extend(b"ccollections\nOrderedDict\n)R(");
                self.shared(shapes);
                self.out.push(b'u');
            }
            Entry::Tensor(tensor) => self.whole(tensor),
            Entry::Words(words) => self.words(words),
            Entry::Arguments(words) => {
                self.out.extend(b"cargparse\nNamespace\n)\x81");
                self.words(words);
                self.out.push(b'b');
            }
        }
    }

    fn finish(self) -> Document {
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options =
            SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
        let mut add = |name: String, bytes: &[u8]| {
            archive.start_file(format!("archive/{name}"), options).unwrap();
            archive.write_all(bytes).unwrap();
        };
        add("data.pkl".to_owned(), &self.out);
        for (number, storage) in self.storages.iter().enumerate() {
            add(format!("data/{number}"), storage);
        }
        add("version".to_owned(), b"3\n");
        let bytes = archive.finish().unwrap().into_inner();
        Document::from_bytes(Path::new("made.pt"), bytes, &Limits::default()).unwrap()
    }
}

/// A file of entries by name, or of one without a name, as `torch.save` writes it.
pub fn file(entries: &[(&str, Entry)]) -> Document {
    let mut writer = Writer { out: b"\x80\x02".to_vec(), ..Writer::default() };
    if let [("", entry)] = entries {
        writer.entry(entry);
    } else {
        writer.out.extend(b"}(");
        for (name, entry) in entries {
            text(&mut writer.out, name);
            writer.entry(entry);
        }
        writer.out.push(b'u');
    }
    writer.out.push(b'.');
    writer.finish()
}

/// The names of a whole encoder, the decoder of a golden case, the average for every style, the options.
#[test]
fn a_whole_file_of_pixel2style2pixel() {
    let case = case("sg2_g_r16_rosinality");
    let encoder = names("psp.encoder_18_styles");
    let encoder: BTreeMap<_, _> =
        encoder.into_iter().map(|(name, shape)| (format!("encoder.{name}"), shape)).collect();
    let decoder: BTreeMap<_, _> = case
        .parameters()
        .into_iter()
        .map(|(name, tensor)| (format!("decoder.{name}"), tensor))
        .collect();
    let rows: Vec<f32> = (0..18 * 32).map(|i| (i % 32) as f32 / 10.0).collect();
    let average = Tensor::from_vec(rows, (18, 32), &Device::Cpu).unwrap();
    let options = [("encoder_type", "GradualStyleEncoder"), ("dataset_type", "ffhq_encode")];
    for arguments in [false, true] {
        // One dictionary holds both networks; numbers do not matter here.
        let mut shapes = encoder.clone();
        shapes.extend(decoder.iter().map(|(name, t)| (name.clone(), t.dims().to_vec())));
        let options = if arguments { Entry::Arguments(&options) } else { Entry::Words(&options) };
        let document = file(&[
            ("state_dict", Entry::Shapes(&shapes)),
            ("opts", options),
            ("latent_avg", Entry::Tensor(&average)),
        ]);
        let contents = Contents::of(&document).unwrap();
        assert_eq!(contents.dialect, Dialect::Psp);
        let network = contents.network(Role::Encoder).unwrap();
        assert_eq!(network.settings["encoder_type"], "\"GradualStyleEncoder\"");
        let model = contents.model(network).unwrap();
        assert!(model.title().contains("18 styles"), "{}", model.title());
        // The average of this small decoder is not as wide as the encoder's styles: that alone does not fit.
        let said = contents.check(network).unwrap_err().to_string();
        assert!(said.contains("latent_avg: expected [18, 512], found [18, 32]"), "{said}");
        assert!(!said.contains("missing") && !said.contains("unexpected"), "{said}");
        contents.check(contents.network(Role::Ema).unwrap()).unwrap();
    }
    // The decoder's numbers, and the first row of the average.
    let document = file(&[
        ("state_dict", Entry::Tensors(&decoder)),
        ("opts", Entry::Words(&options)),
        ("latent_avg", Entry::Tensor(&average)),
    ]);
    let converted = convert(&document, Role::Ema);
    assert!(converted.notes.is_empty(), "{:?}", converted.notes);
    stylegan_testkit::assert_same_bits(
        "w_avg",
        &converted.tensors["w_avg"],
        &average.get(0).unwrap(),
    );
    super::stylegan2::check_generator("pSp", "sg2_g_r16_rosinality", &generator(&converted));
    let document = file(&[
        ("state_dict", Entry::Shapes(&encoder)),
        ("opts", Entry::Words(&[("encoder_type", "BackboneEncoderUsingLastLayerIntoW")])),
    ]);
    assert!(Contents::of(&document).is_err(), "an encoder without a decoder is no file of theirs");
}

#[test]
fn an_encoder_of_another_kind_is_refused() {
    let zero = BTreeMap::from([
        ("encoder.input_layer.0.weight".to_owned(), vec![64, 3, 3, 3]),
        ("decoder.input.input".to_owned(), vec![1, 512, 4, 4]),
    ]);
    let document = file(&[
        ("state_dict", Entry::Shapes(&zero)),
        ("opts", Entry::Words(&[("encoder_type", "BackboneEncoderUsingLastLayerIntoW")])),
    ]);
    let contents = Contents::of(&document).unwrap();
    let error = contents.convert(contents.network(Role::Encoder).unwrap()).unwrap_err();
    assert!(error.to_string().contains("BackboneEncoderUsingLastLayerIntoW"), "{error}");
}

/// Whole files of the networks that look at images, with the counters that some of them have.
#[test]
fn files_of_feature_networks() {
    for (file_of, dialect, title) in [
        ("fid.inception", Dialect::FidInception, "Inception network of FID"),
        ("torchvision.squeezenet1_1", Dialect::Torchvision, "SqueezeNet 1.1"),
        ("arcface.model_ir_se50", Dialect::ArcFace, "IR-SE50"),
    ] {
        let mut shapes = names(file_of);
        if dialect == Dialect::FidInception {
            shapes.insert("Conv2d_1a_3x3.bn.num_batches_tracked".to_owned(), vec![]);
        }
        let document = file(&[("", Entry::Shapes(&shapes))]);
        let contents = Contents::of(&document).unwrap();
        assert_eq!(contents.dialect, dialect);
        let network = contents.network(Role::Features).unwrap();
        let model = contents.check(network).unwrap();
        assert!(model.title().contains(title), "{}", model.title());
    }
}

/// The Inception network to a file and back: every number under the name that it had.
#[test]
fn the_inception_network_keeps_its_numbers() {
    let shapes = names("fid.inception");
    // Convolutions share their numbers, so that the whole network need not be written.
    let tensors: BTreeMap<String, Tensor> = shapes
        .iter()
        .filter(|(_, shape)| shape.len() == 1)
        .map(|(name, shape)| {
            (name.clone(), stylegan_testkit::synthetic(name, shape.as_slice(), 0.0, 1.0))
        })
        .collect();
    let large: BTreeMap<String, Vec<usize>> =
        shapes.into_iter().filter(|(_, shape)| shape.len() > 1).collect();
    let mut writer = Writer { out: b"\x80\x02}(".to_vec(), ..Writer::default() };
    for (name, tensor) in &tensors {
        text(&mut writer.out, name);
        writer.whole(tensor);
    }
    writer.shared(&large);
    writer.out.extend(b"u.");
    let document = writer.finish();
    let converted = convert(&document, Role::Features);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("inception.safetensors");
    converted.save(&path).unwrap();
    let native = crate::Native::open(&path).unwrap();
    assert_eq!(native.model(), &converted.model);
    let written = stylegan_checkpoint::load(&path).unwrap();
    for (name, tensor) in &tensors {
        stylegan_testkit::assert_same_bits(name, &written.tensors[name], tensor);
    }
    assert_eq!(written.tensors.len(), tensors.len() + large.len());
}
