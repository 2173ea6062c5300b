//! Four stamps that tie the device clock to the host clock.

use crate::fields::{FieldReader, FieldWriter};
use crate::refusal::Refusal;

/// The host asks for the device time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeRequest {
    /// First stamp: the host's monotonic clock when the request left, in nanoseconds.
    pub host_send_ns: u64,
}

impl TimeRequest {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        Ok(Self { host_send_ns: fields.u64()? })
    }

    pub(super) fn write(self, fields: &mut FieldWriter<'_>) {
        fields.u64(self.host_send_ns);
    }
}

/// The device answers; the fourth stamp is the host's own clock when the answer arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeReply {
    /// First stamp, echoed from the request.
    pub host_send_ns: u64,
    /// Second stamp: device clock when the request arrived, in microseconds.
    pub device_receive_us: u64,
    /// Third stamp: device clock when this answer left, in microseconds.
    pub device_send_us: u64,
}

impl TimeReply {
    pub(super) fn read(fields: &mut FieldReader<'_>) -> Result<Self, Refusal> {
        Ok(Self {
            host_send_ns: fields.u64()?,
            device_receive_us: fields.u64()?,
            device_send_us: fields.u64()?,
        })
    }

    pub(super) fn write(&self, fields: &mut FieldWriter<'_>) {
        fields.u64(self.host_send_ns);
        fields.u64(self.device_receive_us);
        fields.u64(self.device_send_us);
    }
}
