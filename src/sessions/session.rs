//! One session as everyone but its own task sees it: its view, and a broadcast of its entries.

use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;
use leadsman_ports::store::SessionStore;
use tokio::sync::{OnceCell, broadcast, watch};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::view::{State, View};
use crate::engine::events::Entry;
use crate::engine::journal::{self, JournalError, Listener};

/// Entries that a slow listener may fall behind before it misses some.
const BROADCAST_ENTRIES: usize = 64;

/// How far a session's end has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// There is none.
    Open,
    /// It is on record, but not shown yet.
    Recorded(State),
    /// Everybody sees it.
    Shown(State),
}

/// One session.
#[derive(Debug)]
pub struct Session {
    id: Uuid,
    view: RwLock<View>,
    /// Set once the view holds what the journal holds.
    restored: OnceCell<()>,
    entries: broadcast::Sender<Arc<Entry>>,
    end: watch::Sender<End>,
    pub(super) cancel: CancellationToken,
}

impl Session {
    /// A session with what is known of it.
    pub fn new(id: Uuid, view: View) -> Self {
        let end = if view.state.is_terminal() { End::Shown(view.state) } else { End::Open };
        Self { restored: OnceCell::new_with(Some(())), ..Self::with(id, view, end) }
    }

    /// A session that the store holds; its view is read when somebody asks for it.
    pub(super) fn stored(id: Uuid, created_at: Timestamp) -> Self {
        Self::with(id, View::new(created_at), End::Open)
    }

    fn with(id: Uuid, view: View, end: End) -> Self {
        Self {
            id,
            view: RwLock::new(view),
            restored: OnceCell::new(),
            entries: broadcast::Sender::new(BROADCAST_ENTRIES),
            end: watch::Sender::new(end),
            cancel: CancellationToken::new(),
        }
    }

    /// Its id.
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// What is known now.
    pub fn view(&self) -> View {
        self.view.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Where it stands.
    pub fn state(&self) -> State {
        self.view.read().unwrap_or_else(PoisonError::into_inner).state
    }

    /// Entries from now on, as they become durable.
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Entry>> {
        self.entries.subscribe()
    }

    /// Waits until everybody can see that it has ended.
    pub async fn finished(&self) {
        // The sender lives in `self`, so waiting cannot fail.
        let _ = self.end.subscribe().wait_for(|end| matches!(end, End::Shown(_))).await;
    }

    /// Reads the view from the journal, unless that has been done.
    pub(super) async fn restored(&self, store: &dyn SessionStore) -> Result<(), JournalError> {
        let restore = async {
            let entries = journal::read(store, self.id).await?;
            self.set_view(&entries);
            Ok(())
        };
        self.restored.get_or_try_init(|| restore).await.map(|_| ())
    }

    /// Like [`Session::restored`] with a journal that was read already.
    pub(super) async fn restored_from(&self, entries: &[Entry]) {
        self.restored.get_or_init(|| async { self.set_view(entries) }).await;
    }

    fn set_view(&self, entries: &[Entry]) {
        if let Some(view) = View::fold(entries) {
            *self.view.write().unwrap_or_else(PoisonError::into_inner) = view;
        }
    }

    /// The end that is on record, whether it is shown or not.
    pub(super) fn end_on_record(&self) -> Option<State> {
        match *self.end.borrow() {
            End::Open => None,
            End::Recorded(state) | End::Shown(state) => Some(state),
        }
    }

    /// Notes that the journal holds the end; it is shown a little later.
    pub(super) fn record_end(&self, state: State) {
        self.end.send_replace(End::Recorded(state));
    }

    /// Waits until an end is on record, and tells which.
    pub(super) async fn recorded(&self) -> State {
        let mut end = self.end.subscribe();
        loop {
            if let End::Recorded(state) | End::Shown(state) = *end.borrow_and_update() {
                return state;
            }
            if end.changed().await.is_err() {
                // The sender lives in `self`, so this cannot happen; nothing is known then.
                std::future::pending::<()>().await;
            }
        }
    }
}

impl Listener for Session {
    fn stored(&self, entries: &[Entry]) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        entries.iter().for_each(|entry| view.apply(entry));
        let state = view.state;
        drop(view);
        if self.entries.receiver_count() > 0 {
            for entry in entries {
                // An error only says that nobody listens any more.
                let _ = self.entries.send(Arc::new(entry.clone()));
            }
        }
        if state.is_terminal() {
            self.end.send_replace(End::Shown(state));
        }
    }
}
