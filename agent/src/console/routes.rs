//! Every route, and what stands in front of all of them.

use std::sync::Arc;

use axum::{
    Router,
    extract::{Path, State},
    http::{HeaderValue, StatusCode, header},
    middleware,
    response::{IntoResponse as _, Response},
    routing,
};
use model::{invalid::Invalid, reason::Reason};

use super::{
    Console, assets,
    failure::{Failure, see_other},
    gate::{self, AnyForm, Visitor},
    headers, pages, stream,
};

/// How long a browser keeps what is named by its content.
const FOR_A_YEAR: &str = "public, max-age=31536000, immutable";

/// All of them.
pub fn all(console: Arc<Console>) -> Router {
    pages::routes()
        .route("/", routing::get(first))
        .route("/preferences", routing::post(preferences))
        .route("/assets/{digest}/{name}", routing::get(asset))
        .route("/favicon.ico", routing::get(mark))
        .route("/alarms", routing::get(stream::alarms))
        .fallback(nothing)
        .method_not_allowed_fallback(nothing)
        .layer(middleware::from_fn_with_state(console.clone(), gate::check))
        .layer(middleware::from_fn(headers::add))
        .with_state(console)
}

async fn first() -> Response {
    see_other("/inbox")
}

async fn mark() -> Response {
    see_other(assets::path("mark.svg"))
}

/// Language and colours: cookies of this browser, nobody's data.
async fn preferences(State(_): State<Arc<Console>>, AnyForm { form, .. }: AnyForm) -> Response {
    let mut answer = see_other(&form.back());
    for (field, cookie, known) in
        [("lang", "ld-lang", &["zh-CN", "en"][..]), ("theme", "ld-theme", &["auto", "day", "night"][..])]
    {
        let Some(chosen) = known.iter().find(|known| **known == form.get(field)) else { continue };
        let value = format!("{cookie}={chosen}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly");
        if let Ok(value) = HeaderValue::from_str(&value) {
            answer.headers_mut().append(header::SET_COOKIE, value);
        }
    }
    answer
}

async fn asset(Path((_, name)): Path<(String, String)>, visitor: Visitor) -> Response {
    // by name and digest together: an old page asks for what is no more
    match assets::get(&name).filter(|asset| asset.path == visitor.to) {
        Some(asset) => {
            let named = [(header::CONTENT_TYPE, asset.mime), (header::CACHE_CONTROL, FOR_A_YEAR)];
            (named, asset.bytes.as_slice()).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn nothing(visitor: Visitor) -> Failure {
    visitor.refused(Invalid::new(Reason::NotFound, "path", "console.page"))
}
