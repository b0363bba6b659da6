//! Rows in the binary format of `COPY` (PostgreSQL's manual, "COPY", Binary Format).

use super::super::{Column, StoreError};

const SIGNATURE: &[u8; 11] = b"PGCOPY\n\xff\r\n\0";
const NO_FLAGS: [u8; 4] = [0; 4];
const NO_EXTENSION: [u8; 4] = [0; 4];
const END: i16 = -1;
const NULL: i32 = -1;

/// Every row of `columns`.
///
/// # Errors
/// [`StoreError::Malformed`] for a value or a row that is longer than the format can say.
pub(super) fn encode(columns: &[Column<'_>]) -> Result<Vec<u8>, StoreError> {
    let count = i16::try_from(columns.len());
    let count = count.map_err(|_| StoreError::Malformed(format!("{} columns", columns.len())))?;
    let mut bytes = [&SIGNATURE[..], &NO_FLAGS, &NO_EXTENSION].concat();
    for row in 0..columns.first().map_or(0, Column::len) {
        bytes.extend_from_slice(&count.to_be_bytes());
        for column in columns {
            match column {
                Column::Ints(values) => put(&mut bytes, Some(&values[row].to_be_bytes()))?,
                Column::Bytes(values) => put(&mut bytes, Some(values[row]))?,
                Column::Maybe(values) => put(&mut bytes, values[row])?,
                Column::Texts(values) => put(&mut bytes, Some(values[row].as_bytes()))?,
            }
        }
    }
    bytes.extend_from_slice(&END.to_be_bytes());
    Ok(bytes)
}

fn put(bytes: &mut Vec<u8>, value: Option<&[u8]>) -> Result<(), StoreError> {
    let Some(value) = value else {
        bytes.extend_from_slice(&NULL.to_be_bytes());
        return Ok(());
    };
    let length = i32::try_from(value.len());
    let length =
        length.map_err(|_| StoreError::Malformed(format!("a value of {} bytes", value.len())))?;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(value);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_have_their_count_of_columns_and_each_value_its_length() {
        let columns = [
            Column::Ints(vec![7, -1]),
            Column::Maybe(vec![None, Some(b"ab")]),
            Column::Texts(vec!["", "ü"]),
            Column::Bytes(vec![b"x", b""]),
        ];
        let mut expected = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0".to_vec();
        expected.extend(b"\0\x04\0\0\0\x08\0\0\0\0\0\0\0\x07\xff\xff\xff\xff\0\0\0\0\0\0\0\x01x");
        expected.extend(b"\0\x04\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xff\0\0\0\x02ab");
        expected.extend(b"\0\0\0\x02\xc3\xbc\0\0\0\0\xff\xff");
        assert_eq!(encode(&columns).unwrap(), expected);
        assert_eq!(encode(&[]).unwrap(), b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\xff\xff");
    }
}
