//! numpy's types and arrays in a pickle.

use super::PickleFault;
use super::call::arguments;
use super::element::Element;
use super::machine::Machine;
use super::node::{Array, Chunk, Dtype, Id, Node};

/// `numpy._reconstruct(ndarray, (0,), b'b')`: an array without contents; they come as its state.
pub(crate) fn reconstruct(machine: &mut Machine, _: Id) -> Result<Id, PickleFault> {
    machine.arena.add(Node::Array(Box::new(Array::empty())))
}

/// `numpy.dtype('f4', align, copy)`.
pub(crate) fn dtype(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let code = arguments(machine, args)?.first().and_then(|&id| machine.arena.text(id));
    let code = code.unwrap_or_default();
    let big_endian = code.starts_with('>');
    let element = Element::of_numpy(code.trim_start_matches(['<', '>', '|', '=']));
    machine.arena.add(Node::Dtype(Dtype { element, big_endian }))
}

/// A type's state: `(version, byte order, ...)`.
pub(crate) fn dtype_state(
    machine: &Machine,
    mut dtype: Dtype,
    state: Id,
) -> Result<Dtype, PickleFault> {
    let order = machine.arena.items(state).and_then(|items| items.get(1));
    match order.and_then(|&id| machine.arena.text(id)) {
        Some(">") => dtype.big_endian = true,
        Some("<" | "|" | "=") => {}
        _ => return Err(PickleFault::malformed("a numpy type has no byte order")),
    }
    Ok(dtype)
}

/// An array's state: `(version, shape, dtype, is Fortran, bytes or list)`, or without the version.
pub(crate) fn array_state(machine: &Machine, state: Id) -> Result<Array, PickleFault> {
    let items = machine.arena.items(state).unwrap_or_default();
    let (&[shape, dtype, fortran, data] | &[_, shape, dtype, fortran, data]) = items else {
        return Err(PickleFault::malformed("a numpy array's state has other parts than expected"));
    };
    let fortran = matches!(machine.arena.get(fortran), Node::Bool(true) | Node::Int(1));
    array(machine, shape, dtype, fortran, data)
}

/// `numpy._frombuffer(buffer, dtype, shape, order)`: an array in protocol 5.
pub(crate) fn from_buffer(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let args = arguments(machine, args)?;
    let &[data, dtype, shape, order] = args.as_slice() else {
        return Err(PickleFault::malformed("numpy's _frombuffer takes four arguments"));
    };
    let fortran = machine.arena.text(order) == Some("F");
    let array = array(machine, shape, dtype, fortran, data)?;
    machine.arena.add(Node::Array(Box::new(array)))
}

/// `numpy.scalar(dtype, bytes)`: one number.
pub(crate) fn scalar(machine: &mut Machine, args: Id) -> Result<Id, PickleFault> {
    let args = arguments(machine, args)?;
    let &[dtype, data] = args.as_slice() else {
        return Err(PickleFault::malformed("numpy's scalar takes a type and bytes"));
    };
    let shape = machine.arena.add(Node::Tuple(Vec::new()))?;
    let array = array(machine, shape, dtype, false, data)?;
    machine.arena.add(Node::Array(Box::new(array)))
}

fn array(
    machine: &Machine,
    shape: Id,
    dtype: Id,
    fortran: bool,
    data: Id,
) -> Result<Array, PickleFault> {
    let sizes = machine.arena.sizes(shape);
    let shape = sizes.ok_or_else(|| PickleFault::malformed("a numpy array's shape is no shape"))?;
    let Node::Dtype(dtype) = machine.arena.get(dtype) else {
        return Err(PickleFault::malformed("a numpy array has no type"));
    };
    let data = data_of(machine, *dtype, &shape, data)?;
    Ok(Array { dtype: *dtype, shape, fortran, data })
}

/// The bytes of an array, when they are exactly as many as its shape says.
fn data_of(
    machine: &Machine,
    dtype: Dtype,
    shape: &[usize],
    data: Id,
) -> Result<Option<Chunk>, PickleFault> {
    let Some(element) = dtype.element else { return Ok(None) };
    let Node::Bytes(chunk) = machine.arena.get(data) else { return Ok(None) };
    let expected = shape.iter().try_fold(element.size(), |bytes, &dim| bytes.checked_mul(dim));
    if expected != Some(chunk.range.len()) {
        return Err(PickleFault::malformed(format!(
            "a numpy array of {} and shape {shape:?} has {} bytes",
            element.name(),
            chunk.range.len()
        )));
    }
    Ok(Some(chunk.clone()))
}
