//! Building a graph node by node.

use candle_core::{Result, Tensor};
use prost::Message;

use super::proto;

/// A graph being built. Values are known by their names.
#[derive(Default)]
pub(super) struct Builder {
    graph: proto::Graph,
}

/// A size of an input or output.
#[derive(Clone, Copy)]
pub(super) enum Dim {
    /// A fixed one.
    Is(usize),
    /// One that may differ from call to call.
    Any(&'static str),
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Float(&'a str, f32),
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Text(&'a str, &'a str),
}

/// The version of the operators.
const OPSET: i64 = 13;

/// The version of the format.
const IR: i64 = 8;

impl Builder {
    /// A graph of this name.
    pub(super) fn new(name: &str) -> Self {
        Self { graph: proto::Graph { name: name.to_owned(), ..Default::default() } }
    }

    /// An input.
    pub(super) fn input(&mut self, name: &str, dims: &[Dim]) -> String {
        self.graph.inputs.push(value(name, dims));
        name.to_owned()
    }

    /// Makes a value an output under this name.
    pub(super) fn output(&mut self, from: &str, name: &str, dims: &[Dim]) {
        let (inputs, outputs) = (vec![from.to_owned()], vec![name.to_owned()]);
        let (name, op_type) = (name.to_owned(), "Identity".to_owned());
        self.graph.outputs.push(value(&name, dims));
        self.graph.nodes.push(proto::Node { inputs, outputs, name, op_type, attributes: vec![] });
    }

    /// A tensor with a factor.
    pub(super) fn constant(&mut self, tensor: &Tensor, factor: f64) -> Result<String> {
        let dims: Vec<i64> = tensor.dims().iter().map(|&dim| dim as i64).collect();
        let values = tensor.flatten_all()?.to_vec1::<f32>()?;
        let scaled = values.iter().map(|&value| (f64::from(value) * factor) as f32);
        let raw_data = scaled.flat_map(f32::to_le_bytes).collect();
        Ok(self.initializer(dims, proto::FLOAT, raw_data))
    }

    /// Numbers in a shape.
    pub(super) fn numbers(&mut self, dims: &[i64], values: &[f32]) -> String {
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(dims.to_vec(), proto::FLOAT, raw_data)
    }

    /// A list of integers, or with `scalar` one alone.
    pub(super) fn integers(&mut self, values: &[i64], scalar: bool) -> String {
        let dims = if scalar { Vec::new() } else { vec![values.len() as i64] };
        let raw_data = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(dims, proto::INT64, raw_data)
    }

    fn initializer(&mut self, dims: Vec<i64>, data_type: i32, raw_data: Vec<u8>) -> String {
        let name = format!("c{}", self.graph.initializers.len());
        let tensor = proto::Tensor { dims, data_type, name: name.clone(), raw_data };
        self.graph.initializers.push(tensor);
        name
    }

    /// A node with one output.
    pub(super) fn node(&mut self, op: &str, inputs: &[&str], attributes: &[Attribute]) -> String {
        let name = format!("{op}{}", self.graph.nodes.len());
        let attributes = attributes.iter().map(|attribute| {
            let mut message = proto::Attribute::default();
            let name = match *attribute {
                Attribute::Float(name, value) => {
                    (message.float, message.kind) = (Some(value), proto::ATTRIBUTE_FLOAT);
                    name
                }
                Attribute::Int(name, value) => {
                    (message.int, message.kind) = (Some(value), proto::ATTRIBUTE_INT);
                    name
                }
                Attribute::Ints(name, values) => {
                    (message.ints, message.kind) = (values.to_vec(), proto::ATTRIBUTE_INTS);
                    name
                }
                Attribute::Text(name, value) => {
                    let value = value.as_bytes().to_vec();
                    (message.text, message.kind) = (Some(value), proto::ATTRIBUTE_STRING);
                    name
                }
            };
            message.name = name.to_owned();
            message
        });
        let attributes = attributes.collect();
        let inputs = inputs.iter().map(|&input| input.to_owned()).collect();
        let (outputs, op_type) = (vec![name.clone()], op.to_owned());
        let node = proto::Node { inputs, outputs, name: name.clone(), op_type, attributes };
        self.graph.nodes.push(node);
        name
    }

    /// `x / sqrt(mean over channels of x^2 + epsilon)`.
    pub(super) fn pixel_norm(&mut self, x: &str, epsilon: f64) -> String {
        let square = self.node("Mul", &[x, x], &[]);
        let over = [Attribute::Ints("axes", &[1]), Attribute::Int("keepdims", 1)];
        let mean = self.node("ReduceMean", &[&square], &over);
        let epsilon = self.numbers(&[], &[epsilon as f32]);
        let variance = self.node("Add", &[&mean, &epsilon], &[]);
        let root = self.node("Sqrt", &[&variance], &[]);
        self.node("Div", &[x, &root], &[])
    }

    /// `x W^T + b`.
    pub(super) fn dense(&mut self, x: &str, weight: &str, bias: &str) -> String {
        self.node("Gemm", &[x, weight, bias], &[Attribute::Int("transB", 1)])
    }

    /// A leaky ReLU.
    pub(super) fn activation(&mut self, x: &str) -> String {
        self.node("LeakyRelu", &[x], &[Attribute::Float("alpha", 0.2)])
    }

    /// The file.
    pub(super) fn finish(self) -> Vec<u8> {
        let opset = proto::OperatorSet { domain: String::new(), version: OPSET };
        let model = proto::Model {
            ir_version: Some(IR),
            producer_name: "stylegan".to_owned(),
            graph: Some(self.graph),
            opset_import: vec![opset],
        };
        model.encode_to_vec()
    }
}

fn value(name: &str, dims: &[Dim]) -> proto::ValueInfo {
    let dims = dims.iter().map(|dim| match *dim {
        Dim::Is(size) => proto::Dimension { value: Some(size as i64), name: None },
        Dim::Any(name) => proto::Dimension { value: None, name: Some(name.to_owned()) },
    });
    let shape = Some(proto::Shape { dims: dims.collect() });
    let tensor = Some(proto::TensorType { element: proto::FLOAT, shape });
    proto::ValueInfo { name: name.to_owned(), kind: Some(proto::Type { tensor }) }
}
