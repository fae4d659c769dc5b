//! The pickle machine: opcodes to values. It knows protocols 0 to 5 and can import, call and evaluate nothing; what an
//! opcode would call in Python is looked up by name in a small table (`call`), and everything else is refused.

use std::collections::HashMap;

use super::call::{self, Storages};
use super::cursor::Cursor;
use super::node::{Arena, Chunk, Global, Id, Node, Object};
use super::{PickleFault, text};

/// The highest protocol that there is.
const HIGHEST_PROTOCOL: u64 = 5;

/// One pickle being read.
pub(crate) struct Machine<'a, 'f> {
    pub(crate) arena: &'a mut Arena<'f>,
    pub(crate) storages: &'a Storages,
    /// How many files this one is inside of.
    pub(crate) nested: usize,
    pub(super) cursor: Cursor<'f>,
    pub(super) stack: Vec<Id>,
    pub(super) marks: Vec<usize>,
    memo: HashMap<u64, Id>,
}

/// What went wrong, and at which byte.
pub(crate) type Located<T> = Result<T, (usize, PickleFault)>;

/// Reads one pickle from the start of `source`: its value, and the byte after it.
pub(crate) fn read(
    arena: &mut Arena<'_>,
    storages: &Storages,
    nested: usize,
    source: &Chunk,
) -> Located<(Id, usize)> {
    let cursor = Cursor::new(arena, source);
    let (stack, marks, memo) = (Vec::new(), Vec::new(), HashMap::new());
    let mut machine = Machine { arena, storages, nested, cursor, stack, marks, memo };
    loop {
        let at = machine.cursor.at();
        match machine.step() {
            Ok(None) => {}
            Ok(Some(value)) => return Ok((value, machine.cursor.at())),
            Err(fault) => return Err((at, fault)),
        }
    }
}

impl Machine<'_, '_> {
    /// Executes one opcode; gives the value when it was the last.
    fn step(&mut self) -> Result<Option<Id>, PickleFault> {
        self.arena.step()?;
        let opcode = self.cursor.number(1, "the pickle: its end is missing")? as u8;
        match opcode {
            b'.' => return self.pop().map(Some),
            0x80 => self.protocol()?,
            0x95 => {
                self.cursor.length(8, "a frame")?;
            }
            b'(' => self.marks.push(self.stack.len()),
            b'0' => self.discard()?,
            b'1' => {
                self.above_mark()?;
            }
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
            }
            b'N' => self.stack.push(Arena::NONE),
            0x88 => self.stack.push(Arena::TRUE),
            0x89 => self.stack.push(Arena::FALSE),
            b'I' | b'L' | b'F' => self.written_number(opcode)?,
            b'J' => {
                let value = self.cursor.number(4, "an integer")? as u32 as i32;
                self.push(Node::Int(value.into()))?;
            }
            b'K' => self.small_integer(1)?,
            b'M' => self.small_integer(2)?,
            0x8a => self.long(1)?,
            0x8b => self.long(4)?,
            b'G' => {
                let bits = self.cursor.number(8, "a float")?.swap_bytes();
                self.push(Node::Float(f64::from_bits(bits)))?;
            }
            b'S' => self.quoted()?,
            b'V' => self.escaped()?,
            b'U' | b'C' => self.bytes(1)?,
            b'T' | b'B' => self.bytes(4)?,
            0x8e | 0x96 => self.bytes(8)?,
            0x8c => self.unicode(1)?,
            b'X' => self.unicode(4)?,
            0x8d => self.unicode(8)?,
            b']' => self.push(Node::List(Vec::new()))?,
            b')' => self.push(Node::Tuple(Vec::new()))?,
            b'}' => self.push(Node::Dict(Vec::new()))?,
            0x8f => self.push(Node::Set(Vec::new()))?,
            b'l' => self.collect(Node::List)?,
            b't' => self.collect(Node::Tuple)?,
            0x91 => self.collect(Node::Set)?,
            0x85..=0x87 => {
                let count = usize::from(opcode - 0x84);
                let items = self.last(count)?;
                self.push(Node::Tuple(items))?;
            }
            b'd' => {
                let items = self.above_mark()?;
                let entries = pairs(&items)?;
                self.push(Node::Dict(entries))?;
            }
            b'a' => {
                let items = self.last(1)?;
                self.extend(items)?;
            }
            b'e' | 0x90 => {
                let items = self.above_mark()?;
                self.extend(items)?;
            }
            b's' => {
                let items = self.last(2)?;
                self.insert(pairs(&items)?)?;
            }
            b'u' => {
                let items = self.above_mark()?;
                self.insert(pairs(&items)?)?;
            }
            b'p' | b'q' | b'r' | 0x94 => self.remember(opcode)?,
            b'g' | b'h' | b'j' => self.recall(opcode)?,
            b'c' => {
                let (module, name) = (self.line()?, self.line()?);
                self.push(Node::Global(Box::new(Global { module, name })))?;
            }
            0x93 => self.stacked_global()?,
            b'P' => {
                let line = self.cursor.line("a reference")?;
                self.cursor.text(&line)?;
                let id = self.arena.add(Node::Str(line))?;
                self.persistent(id)?;
            }
            b'Q' => {
                let id = self.pop()?;
                self.persistent(id)?;
            }
            b'R' => {
                let (args, callable) = (self.pop()?, self.pop()?);
                let value = call::reduce(self, callable, args)?;
                self.stack.push(value);
            }
            b'b' => {
                let (state, target) = (self.pop()?, self.top()?);
                call::build(self, target, state)?;
            }
            0x81 => {
                let (args, class) = (self.pop()?, self.pop()?);
                self.instance(class, args)?;
            }
            0x92 => {
                let (keywords, args, class) = (self.pop()?, self.pop()?, self.pop()?);
                let args = self.arena.add(Node::Tuple(vec![args, keywords]))?;
                self.instance(class, args)?;
            }
            b'i' => {
                let (module, name) = (self.line()?, self.line()?);
                let class = self.arena.add(Node::Global(Box::new(Global { module, name })))?;
                let items = self.above_mark()?;
                self.call_class(class, items)?;
            }
            b'o' => {
                let mut items = self.above_mark()?;
                if items.is_empty() {
                    return Err(PickleFault::malformed("an object without a class"));
                }
                let class = items.remove(0);
                self.call_class(class, items)?;
            }
            0x82..=0x84 => {
                return Err(PickleFault::Refused(
                    "an entry of copyreg's extension registry".into(),
                ));
            }
            0x97 => return Err(PickleFault::malformed("its data lie outside of the file")),
            0x98 => {}
            other => {
                return Err(PickleFault::malformed(format!(
                    "{other:#04x} is no pickle opcode: the file is damaged, or no pickle"
                )));
            }
        }
        if self.stack.len() > self.arena.limits.values {
            let limit = self.arena.limits.values;
            return Err(PickleFault::Limit { what: "values waiting", limit });
        }
        Ok(None)
    }

    fn protocol(&mut self) -> Result<(), PickleFault> {
        match self.cursor.number(1, "its protocol")? {
            0..=HIGHEST_PROTOCOL => Ok(()),
            other => Err(PickleFault::malformed(format!(
                "pickle protocol {other} is not known (the highest is {HIGHEST_PROTOCOL})"
            ))),
        }
    }

    fn small_integer(&mut self, bytes: usize) -> Result<(), PickleFault> {
        let value = self.cursor.number(bytes, "an integer")?;
        self.push(Node::Int(value as i64))
    }

    /// A two's complement integer of any length.
    fn long(&mut self, length_bytes: usize) -> Result<(), PickleFault> {
        let length = self.cursor.length(length_bytes, "an integer")?;
        let chunk = self.cursor.chunk(length, "an integer")?;
        let bytes = self.cursor.view(&chunk);
        let node = if length <= 8 {
            let negative = bytes.last().is_some_and(|byte| byte & 0x80 != 0);
            let mut word = [if negative { 0xff } else { 0 }; 8];
            word[..length].copy_from_slice(bytes);
            Node::Int(i64::from_le_bytes(word))
        } else {
            Node::Big(chunk)
        };
        self.push(node)
    }

    fn written_number(&mut self, opcode: u8) -> Result<(), PickleFault> {
        let line = self.cursor.line("a number")?;
        let node = text::number(self.cursor.text(&line)?, opcode == b'F')?;
        self.push(node)
    }

    fn bytes(&mut self, length_bytes: usize) -> Result<(), PickleFault> {
        let length = self.cursor.length(length_bytes, "bytes")?;
        let chunk = self.cursor.chunk(length, "bytes")?;
        self.push(Node::Bytes(chunk))
    }

    fn unicode(&mut self, length_bytes: usize) -> Result<(), PickleFault> {
        let length = self.cursor.length(length_bytes, "a string")?;
        let chunk = self.cursor.chunk(length, "a string")?;
        self.cursor.text(&chunk)?;
        self.push(Node::Str(chunk))
    }

    fn quoted(&mut self) -> Result<(), PickleFault> {
        let line = self.cursor.line("a string")?;
        self.arena.may_copy(line.range.len())?;
        let bytes = text::unquote(self.cursor.view(&line))?;
        self.push(Node::Bytes(Chunk::owned(bytes)))
    }

    fn escaped(&mut self) -> Result<(), PickleFault> {
        let line = self.cursor.line("a string")?;
        self.arena.may_copy(2 * line.range.len())?;
        let text = text::unescape(self.cursor.view(&line))?;
        self.push(Node::Str(Chunk::owned(text.into_bytes())))
    }

    fn line(&mut self) -> Result<String, PickleFault> {
        let line = self.cursor.line("a name")?;
        self.arena.may_copy(line.range.len())?;
        Ok(self.cursor.text(&line)?.to_owned())
    }

    fn stacked_global(&mut self) -> Result<(), PickleFault> {
        let (name, module) = (self.pop()?, self.pop()?);
        let name_of = |id: Id| self.arena.text(id).map(str::to_owned);
        let (Some(module), Some(name)) = (name_of(module), name_of(name)) else {
            return Err(PickleFault::malformed("the name of a class is not a string"));
        };
        self.arena.may_copy(module.len() + name.len())?;
        self.push(Node::Global(Box::new(Global { module, name })))
    }

    fn memo_index(&mut self, opcode: u8) -> Result<u64, PickleFault> {
        match opcode {
            b'q' | b'h' => self.cursor.number(1, "a memo index"),
            b'r' | b'j' => self.cursor.number(4, "a memo index"),
            0x94 => Ok(self.memo.len() as u64),
            _ => {
                let line = self.cursor.line("a memo index")?;
                let index = self.cursor.text(&line)?.trim().parse();
                index.map_err(|_| PickleFault::malformed("a memo index is not a number"))
            }
        }
    }

    fn remember(&mut self, opcode: u8) -> Result<(), PickleFault> {
        let (index, top) = (self.memo_index(opcode)?, self.top()?);
        self.memo.insert(index, top);
        Ok(())
    }

    fn recall(&mut self, opcode: u8) -> Result<(), PickleFault> {
        let index = self.memo_index(opcode)?;
        let known = self.memo.get(&index).copied();
        let id = known.ok_or_else(|| PickleFault::malformed(format!("no value {index} to repeat")));
        self.stack.push(id?);
        Ok(())
    }

    fn persistent(&mut self, id: Id) -> Result<(), PickleFault> {
        let value = call::persistent(self, id)?;
        self.stack.push(value);
        Ok(())
    }

    /// What Python would make with `class.__new__(class, *args)`: here a record.
    fn instance(&mut self, class: Id, args: Id) -> Result<(), PickleFault> {
        let node = call::instance(self, class, args)?;
        self.push(node)
    }

    /// What Python would make by calling a class: a record when there are no arguments, else only what is in the table.
    fn call_class(&mut self, class: Id, items: Vec<Id>) -> Result<(), PickleFault> {
        let inert = items.is_empty();
        let args = self.arena.add(Node::Tuple(items))?;
        if inert {
            return self.instance(class, args);
        }
        let value = call::reduce(self, class, args)?;
        self.stack.push(value);
        Ok(())
    }
}

fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, PickleFault> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(PickleFault::malformed("a dictionary's key has no value"));
    }
    Ok(pairs.iter().map(|&[key, value]| (key, value)).collect())
}

impl Object {
    /// A record of an instance.
    pub(crate) fn record(class: Id, args: Id) -> Node {
        let (state, entries, elements) = (None, Vec::new(), Vec::new());
        Node::Object(Box::new(Self { class, args, state, entries, elements }))
    }
}

impl Chunk {
    /// Bytes that were decoded.
    pub(crate) fn owned(bytes: Vec<u8>) -> Self {
        Self { range: 0..bytes.len(), base: Some(std::sync::Arc::new(bytes)) }
    }
}
