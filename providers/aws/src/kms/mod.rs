//! KMS: keys and their names. One file a type.

pub(crate) mod alias;
pub(crate) mod key;
mod key_view;

use crate::wait::{self, Pace};
use infra_model::{ErrorKind, ProviderError};
use std::time::Duration;

/// A new key is known everywhere within seconds.
const BRIEF: Pace = Pace {
    limit: Duration::from_secs(30),
    ..wait::QUICK
};

fn unheard(error: &ProviderError) -> bool {
    error.kind == ErrorKind::NotFound
}

/// Every page of a `List…`.
macro_rules! list {
    ($client:expr, $context:expr, $call:literal: $method:ident $(. $set:ident($value:expr))* => $items:ident) => {{
        let (client, context) = ($client, $context);
        $crate::batch::all_pages(move |marker| {
            let request = client
                .kms()
                .$method()
                $(.$set($value))*
                .set_marker(marker);
            async move {
                let answer = client
                    .call(context, $crate::family::KMS, $call, || request.clone().send())
                    .await?;
                Ok::<_, infra_model::ProviderError>($crate::batch::Page {
                    next: answer.next_marker.filter(|_| answer.truncated),
                    items: answer.$items.unwrap_or_default(),
                })
            }
        })
    }};
}
use list;
