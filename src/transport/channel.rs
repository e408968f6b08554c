//! A channel that is always drained and always closed.
//!
//! An undrained channel stops its whole connection, and dropping one does not close it; so two tasks
//! own every channel, one for each direction, and end it when its [`Line`] is dropped.

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelWriteHalf, Sig};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};
use std::time::Duration;
use tokio::sync::mpsc;

/// Bytes of a shell that may wait to be read: more than all probes of a bunch may say.
const WAITING_BYTES_MAX: usize = 256 << 20;

/// Something that came from the other side.
#[derive(Debug)]
pub(super) enum Event {
    Out(Vec<u8>),
    Err(Vec<u8>),
    Exit(u32),
    Signal(String),
    /// The answer to a request: done, or refused.
    Granted(bool),
}

impl Event {
    fn bytes(&self) -> usize {
        match self {
            Self::Out(bytes) | Self::Err(bytes) => bytes.len(),
            Self::Exit(_) | Self::Signal(_) | Self::Granted(_) => 0,
        }
    }
}

enum Order {
    Bytes(Vec<u8>),
    Eof,
}

/// One open channel.
pub(super) struct Line {
    orders: Orders,
    events: Events,
}

/// Where a line's events wait.
enum Events {
    /// Never stops its connection; for shells, whose output is limited. A server that sends far more than it
    /// was asked for is cut off.
    Drained {
        events: mpsc::UnboundedReceiver<Event>,
        /// Bytes that were received and not yet read.
        waiting: Arc<AtomicUsize>,
    },
    /// Stops its connection when nobody reads; for a stream on a connection of its own.
    Paced(mpsc::Receiver<Event>),
}

/// The writing side of a line.
#[derive(Clone)]
pub(super) struct Orders(mpsc::Sender<Order>);

/// The line is gone.
#[derive(Debug)]
pub(super) struct Gone;

impl Line {
    /// A line that drains at once.
    pub(super) fn drained(channel: Channel<Msg>) -> Self {
        let (sender, receiver) = mpsc::unbounded_channel();
        let waiting = Arc::new(AtomicUsize::new(0));
        let held = Arc::clone(&waiting);
        let mut sender = Some(sender);
        Self::start(
            channel,
            move |event| {
                let waits = held.fetch_add(event.bytes(), Ordering::Relaxed);
                if waits > WAITING_BYTES_MAX {
                    sender = None;
                }
                let kept = sender.as_ref().is_some_and(|sender| sender.send(event).is_ok());
                async move { kept }
            },
            Events::Drained { events: receiver, waiting },
        )
    }

    /// A line that waits for its reader; only where it is alone on its connection.
    pub(super) fn paced(channel: Channel<Msg>) -> Self {
        let (sender, receiver) = mpsc::channel(64);
        Self::start(
            channel,
            move |event| {
                let sender = sender.clone();
                async move { sender.send(event).await.is_ok() }
            },
            Events::Paced(receiver),
        )
    }

    fn start<F, R>(channel: Channel<Msg>, mut pass: F, events: Events) -> Self
    where
        F: FnMut(Event) -> R + Send + 'static,
        R: Future<Output = bool> + Send,
    {
        let (mut from, to) = channel.split();
        let (orders, receiver) = mpsc::channel(16);
        let ends = matches!(events, Events::Paced(_));
        tokio::spawn(write(to, receiver, ends));
        tokio::spawn(async move {
            // Until nothing comes any more: an exit status may follow the end of the output.
            let mut wanted = true;
            while let Some(message) = from.wait().await {
                if let Some(event) = event(message).filter(|_| wanted) {
                    wanted = pass(event).await;
                }
            }
        });
        Self { orders: Orders(orders), events }
    }

    /// The next event; nothing once the channel is closed.
    pub(super) async fn next(&mut self) -> Option<Event> {
        match &mut self.events {
            Events::Drained { events, waiting } => {
                let event = events.recv().await?;
                waiting.fetch_sub(event.bytes(), Ordering::Relaxed);
                Some(event)
            }
            Events::Paced(events) => events.recv().await,
        }
    }

    /// Waits for the answer to a request that asked for one.
    pub(super) async fn granted(&mut self) -> bool {
        while let Some(event) = self.next().await {
            if let Event::Granted(granted) = event {
                return granted;
            }
        }
        false
    }

    /// Gives nothing more to send, so that a stream's command is told to end, and waits until its channel is closed.
    pub(super) async fn stop(self, patience: Duration) {
        let Self { orders, mut events } = self;
        drop(orders);
        let closed = async {
            match &mut events {
                Events::Drained { events, .. } => while events.recv().await.is_some() {},
                Events::Paced(events) => while events.recv().await.is_some() {},
            }
        };
        let _ = tokio::time::timeout(patience, closed).await;
    }

    pub(super) fn orders(&self) -> Orders {
        self.orders.clone()
    }
}

impl Orders {
    pub(super) async fn send(&self, bytes: Vec<u8>) -> Result<(), Gone> {
        self.0.send(Order::Bytes(bytes)).await.map_err(|_| Gone)
    }

    pub(super) async fn eof(&self) -> Result<(), Gone> {
        self.0.send(Order::Eof).await.map_err(|_| Gone)
    }
}

async fn write(to: ChannelWriteHalf<Msg>, mut orders: mpsc::Receiver<Order>, ends: bool) {
    while let Some(order) = orders.recv().await {
        let sent = match order {
            Order::Bytes(bytes) => to.data_bytes(bytes).await,
            Order::Eof => to.eof().await,
        };
        if sent.is_err() {
            return;
        }
    }
    // `close` alone does not end the process on the other side. A shell ends, and tidies up, when its
    // input does; a stream is told to.
    let _ = if ends { to.signal(Sig::TERM).await } else { to.eof().await };
    let _ = to.close().await;
}

fn event(message: ChannelMsg) -> Option<Event> {
    Some(match message {
        ChannelMsg::Data { data } => Event::Out(data.to_vec()),
        ChannelMsg::ExtendedData { data, ext: 1 } => Event::Err(data.to_vec()),
        ChannelMsg::ExitStatus { exit_status } => Event::Exit(exit_status),
        ChannelMsg::ExitSignal { signal_name, .. } => Event::Signal(format!("{signal_name:?}")),
        ChannelMsg::Success => Event::Granted(true),
        ChannelMsg::Failure => Event::Granted(false),
        _ => return None,
    })
}
