//! Pickles and PyTorch files, read without Python and without running anything.
//!
//! A pickle is a program for a small stack machine that builds values, and that may name any function of Python to be
//! called with any arguments. This reader executes the opcodes that build values (protocols 0 to 5). Calls are looked up
//! by name in a table of two dozen functions, each of which is replaced by code that builds a plain value
//! (`numpy._reconstruct`, `torch._utils._rebuild_tensor_v2`, `collections.OrderedDict`); every other call is refused and
//! named. An instance of a class that is not known becomes a record of its class, arguments and state. So the official
//! networks' own source code, which their pickles carry as text, is never more than text here.
//!
//! Files are mapped into memory. Reading the structure of a file of several hundred megabytes touches a few of its
//! pages; arrays and tensors stay where they are until [`Tensor::to_f32`] copies one. Whatever a damaged or hostile file
//! claims, memory stays within [`Limits`].

mod archive;
mod call;
mod cursor;
mod document;
mod element;
mod fault;
mod limits;
mod machine;
mod node;
mod numpy;
mod stack;
mod tensor;
mod text;
mod torch;
mod value;

#[cfg(test)]
mod tests;

pub use document::{Container, Document};
pub use element::Element;
pub use fault::PickleFault;
pub use limits::Limits;
pub use tensor::Tensor;
pub use value::Value;

/// The beginning of a text from a file, fit to be printed.
fn shorten(text: &str, longest: usize) -> String {
    let short: String = text.chars().take(longest).flat_map(char::escape_default).collect();
    if text.chars().nth(longest).is_some() { short + "…" } else { short }
}
