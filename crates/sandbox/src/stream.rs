//! Bodies of answers: whole, or coming as long as somebody watches.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, SizeHint};
use tokio::sync::{mpsc, watch};

use crate::core::Core;
use crate::kubernetes::watch::{Heard, Watch};

/// The body of an answer.
#[derive(Debug)]
pub(crate) enum Answer {
    Whole(Option<Bytes>),
    Stream(mpsc::Receiver<Bytes>),
}

impl Answer {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self::Whole(Some(bytes))
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match self.get_mut() {
            Self::Whole(bytes) => {
                let bytes = bytes.take().filter(|bytes| !bytes.is_empty());
                Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
            }
            Self::Stream(receiver) => receiver
                .poll_recv(context)
                .map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes)))),
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(None))
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => {
                SizeHint::with_exact(bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
            }
            Self::Stream(_) => SizeHint::default(),
        }
    }
}

/// A body in which a watch says what it hears, until it ends, its client goes away or the sandbox stops.
pub(crate) fn follow(core: Arc<Core>, watch: &Watch, mut stop: watch::Receiver<bool>) -> Answer {
    let (sender, receiver) = mpsc::channel(16);
    let mut watch = watch.clone();
    tokio::spawn(async move {
        let mut bell = core.bell.subscribe();
        loop {
            bell.mark_unchanged();
            let Heard { bytes, again } = watch.poll(&core);
            if !bytes.is_empty() && sender.send(Bytes::from(bytes)).await.is_err() {
                return;
            }
            let Some(again) = again else { return };
            tokio::select! {
                _ = bell.changed() => {}
                _ = stop.changed() => return,
                () = sender.closed() => return,
                // No timer of the world's: only when to look again.
                () = tokio::time::sleep(Duration::from_millis(again.min(60_000))) => {}
            }
        }
    });
    Answer::Stream(receiver)
}
