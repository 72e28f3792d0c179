//! Rows, and what their columns and a statement's parameters are.

use std::fmt;

use super::message;
use crate::error::{Message, WireError};
use crate::read::Reader;
use crate::tag::backend as tag;
use crate::values::Values;

const ROW_DESCRIPTION: Message = Message::server("RowDescription");
const PARAMETER_DESCRIPTION: Message = Message::server("ParameterDescription");
const DATA_ROW: Message = Message::server("DataRow");

/// A column of an answer of our own: text, and of no table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Its name.
    pub name: &'a str,
    /// The number of its type; 25 is `text`.
    pub type_oid: u32,
}

/// A column of a server's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColumnRead<'a> {
    /// Its name.
    pub name: &'a [u8],
    /// The table it is a column of, or 0.
    pub table_oid: u32,
    /// Its number in that table, or 0.
    pub attribute: i16,
    /// The number of its type.
    pub type_oid: u32,
    /// Bytes of a value, negative where they vary.
    pub type_size: i16,
    /// What the type was declared with, or -1.
    pub type_modifier: i32,
    /// 0 is text, 1 is binary.
    pub format: i16,
}

impl<'a> ColumnRead<'a> {
    fn read(reader: &mut Reader<'a>) -> Result<Self, WireError> {
        Ok(Self {
            name: reader.string("column name")?,
            table_oid: reader.u32("column's table")?,
            attribute: reader.i16("column's number")?,
            type_oid: reader.u32("column's type")?,
            type_size: reader.i16("column's size")?,
            type_modifier: reader.i32("column's modifier")?,
            format: reader.i16("column's format")?,
        })
    }
}

/// The columns of an answer, checked and not copied.
#[derive(Clone, Copy)]
pub struct Columns<'a> {
    count: u16,
    reader: Reader<'a>,
}

impl<'a> Columns<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        usize::from(self.count)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The columns in order.
    pub fn iter(&self) -> impl Iterator<Item = ColumnRead<'a>> + use<'a> {
        let mut reader = self.reader;
        (0..self.count).map_while(move |_| ColumnRead::read(&mut reader).ok())
    }
}

impl fmt::Debug for Columns<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Reads a RowDescription.
pub fn row_description(body: &[u8]) -> Result<Columns<'_>, WireError> {
    let mut reader = Reader::new(ROW_DESCRIPTION, body);
    let count = reader.u16("columns")?;
    let columns = Columns { count, reader };
    for _ in 0..count {
        ColumnRead::read(&mut reader)?;
    }
    reader.end()?;
    Ok(columns)
}

/// The types of a statement's parameters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Types<'a> {
    raw: &'a [[u8; 4]],
}

impl<'a> Types<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.raw.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// Their numbers in order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + use<'a> {
        self.raw.iter().map(|oid| u32::from_be_bytes(*oid))
    }
}

impl fmt::Debug for Types<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Reads a ParameterDescription.
pub fn parameter_description(body: &[u8]) -> Result<Types<'_>, WireError> {
    let mut reader = Reader::new(PARAMETER_DESCRIPTION, body);
    let count = usize::from(reader.u16("types")?);
    // 65535 times 4 fits every usize
    let raw = reader.bytes(count.saturating_mul(4), "types")?;
    reader.end()?;
    Ok(Types { raw: raw.as_chunks().0 })
}

/// Reads a DataRow.
pub fn data_row(body: &[u8]) -> Result<Values<'_>, WireError> {
    let mut reader = Reader::new(DATA_ROW, body);
    let values = Values::read(&mut reader, "values")?;
    reader.end()?;
    Ok(values)
}

/// A RowDescription of text columns.
pub fn write_row_description(out: &mut Vec<u8>, columns: &[Column<'_>]) -> Result<(), WireError> {
    message(out, tag::ROW_DESCRIPTION, ROW_DESCRIPTION, |w| {
        w.count(columns.len(), "columns")?;
        for column in columns {
            w.string(column.name.as_bytes(), "column name")?;
            w.u32(0);
            w.i16(0);
            w.u32(column.type_oid);
            w.i16(type_size(column.type_oid));
            w.i32(-1);
            w.i16(0);
        }
        Ok(())
    })
}

/// The size that PostgreSQL's catalog gives for the types we answer with.
fn type_size(type_oid: u32) -> i16 {
    match type_oid {
        16 => 1,              // bool
        21 => 2,              // int2
        23 | 26 | 700 => 4,   // int4, oid, float4
        20 | 701 | 1184 => 8, // int8, float8, timestamptz
        2950 => 16,           // uuid
        _ => -1,
    }
}

/// A ParameterDescription.
pub fn write_parameter_description(out: &mut Vec<u8>, types: &[u32]) -> Result<(), WireError> {
    message(out, tag::PARAMETER_DESCRIPTION, PARAMETER_DESCRIPTION, |w| {
        w.count(types.len(), "types")?;
        types.iter().for_each(|oid| w.u32(*oid));
        Ok(())
    })
}

/// A DataRow; `None` is NULL.
pub fn write_data_row(out: &mut Vec<u8>, values: &[Option<&[u8]>]) -> Result<(), WireError> {
    message(out, tag::DATA_ROW, DATA_ROW, |w| {
        w.count(values.len(), "values")?;
        values.iter().try_for_each(|value| w.value(*value, "values"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_checked_before_anybody_walks_them() {
        let mut out = Vec::new();
        let written = [Column { name: "id", type_oid: 20 }, Column { name: "name", type_oid: 25 }];
        write_row_description(&mut out, &written).unwrap();
        let body = &out[5..];
        let read: Vec<_> = row_description(body).unwrap().iter().map(|c| (c.name, c.type_oid, c.type_size)).collect();
        assert_eq!(read, [(&b"id"[..], 20, 8), (b"name", 25, -1)]);
        for len in 0..body.len() {
            assert!(row_description(&body[..len]).is_err(), "{len}");
        }
        assert!(row_description(&[body, b"x"].concat()).is_err());
    }

    #[test]
    fn rows_shorter_or_longer_than_they_say_are_refused() {
        let mut out = Vec::new();
        write_data_row(&mut out, &[Some(b"a"), None, Some(b"")]).unwrap();
        let body = &out[5..];
        let read = data_row(body).unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), [Some(&b"a"[..]), None, Some(b"")]);
        for len in 0..body.len() {
            assert!(data_row(&body[..len]).is_err(), "{len}");
        }
        assert!(data_row(&[body, b"x"].concat()).is_err());
        assert!(data_row(b"\xff\xff").is_err());
        assert!(data_row(b"\0\x01\x80\0\0\0").is_err());
    }

    #[test]
    fn parameters_are_as_many_as_they_say() {
        let mut out = Vec::new();
        write_parameter_description(&mut out, &[23, 2950]).unwrap();
        assert_eq!(parameter_description(&out[5..]).unwrap().iter().collect::<Vec<_>>(), [23, 2950]);
        assert!(parameter_description(&out[5..out.len() - 1]).is_err());
        assert!(parameter_description(b"\xff\xff\0\0\0\x17").is_err());
        let refused = write_parameter_description(&mut out, &[0; 65_536]).unwrap_err();
        assert_eq!(refused.to_string(), "ParameterDescription has more than 65535 types");
    }
}
