//! Any method by its path, with bytes as its message: for what generated clients cannot say.

use bytes::{Buf as _, BufMut as _, Bytes};
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::Channel;
use tonic::{Request, Status};

/// Messages as they are.
#[derive(Clone, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, into: &mut EncodeBuf<'_>) -> Result<(), Status> {
        into.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        let length = from.remaining();
        Ok(Some(from.copy_to_bytes(length)))
    }
}

/// Sends one message and takes the whole answer, whatever the shape of the method.
pub(crate) async fn call(channel: &Channel, path: &str, message: &[u8]) -> Result<Vec<Bytes>, Status> {
    let mut client = tonic::client::Grpc::new(channel.clone()).max_decoding_message_size(64 << 20);
    client.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let messages = tokio_stream::iter([Bytes::copy_from_slice(message)]);
    let path = path.parse().map_err(|_| Status::invalid_argument("no path"))?;
    let mut answer = client.streaming(Request::new(messages), path, Raw).await?.into_inner();
    let mut answers = Vec::new();
    while let Some(message) = answer.message().await? {
        answers.push(message);
    }
    Ok(answers)
}
