//! `npm run sql`: the SQL of one request of each kind, whole and with its parameters in place, for pasting into a shell
//! (`npx wrangler d1 execute DB --local --command "…"`). `npm run sql -- TOKEN` takes a token that the database knows,
//! for example the one that `npm start` prints. Writes are real ones: paste them into a copy.

use conversations::{
    auth::caller::Caller,
    http::{error::Error, head::Head},
    id::Id,
    query::{Parameter, Query},
    request::Request,
    routes::{self, Destination},
    webhooks::{Settings, signature::Key},
};

const TOKEN: &str = "self_0123456789ABCDEFGHIJabcdefghij4Us3aw";
const NOW: i64 = 1_790_000_000;

/// Method, path with query, further lines of the head, and a form.
const REQUESTS: &[(&str, &str, &str, &str)] = &[
    ("GET", "/v1/conversations", "", ""),
    ("GET", "/v1/conversations?contact_id=WAz8eIbvDR60rouK&ending_before=xgQQXg3hrtjh7AvZ", "", ""),
    ("GET", "/v1/conversations?muted=true", "", ""),
    ("GET", "/v1/conversations?unread=true", "", ""),
    ("GET", "/v1/conversations?sort=last_active_at&group_id=team", "", ""),
    ("GET", "/v1/conversations?since=1790000000&order=asc&include=last_message,total_count", "", ""),
    ("GET", "/v1/conversations?sort=last_active_at&until=1790000000&muted=true", "", ""),
    ("GET", "/v1/conversations?contact_id=WAz8eIbvDR60rouK&since=1790000000&include=total_count", "", ""),
    ("POST", "/v1/conversations", "", "contact_id=WAz8eIbvDR60rouK"),
    ("POST", "/v1/conversations", "idempotency-key: 7b1f0c9e\n", "contact_id=WAz8eIbvDR60rouK&distinct=true"),
    ("PATCH", "/v1/conversations", "", "ids=xgQQXg3hrtjh7AvZ,SIuAFUNKdSYHZF2w&is_muted=true"),
    ("GET", "/v1/conversations/xgQQXg3hrtjh7AvZ", "", ""),
    ("GET", "/v1/conversations/xgQQXg3hrtjh7AvZ?include=last_message", "", ""),
    ("PUT", "/v1/conversations/xgQQXg3hrtjh7AvZ", "if-match: \"xgQQXg3hrtjh7AvZ\"\n", "is_muted=true"),
    ("DELETE", "/v1/conversations/xgQQXg3hrtjh7AvZ", "", ""),
    ("GET", "/v1/messages", "", ""),
    ("GET", "/v1/messages?conversation_id=xgQQXg3hrtjh7AvZ", "", ""),
    ("GET", "/v1/messages?since=1790000000&include=total_count", "", ""),
    ("GET", "/v1/messages?conversation_id=xgQQXg3hrtjh7AvZ&until=1790000000", "", ""),
    ("POST", "/v1/messages", "", "conversation_id=xgQQXg3hrtjh7AvZ&message=See you at eight."),
    ("GET", "/v1/messages/SIuAFUNKdSYHZF2w", "", ""),
    ("PUT", "/v1/messages/SIuAFUNKdSYHZF2w", "", "read_at=1790000000"),
    ("DELETE", "/v1/messages/SIuAFUNKdSYHZF2w", "", ""),
    ("GET", "/v1/token", "", ""),
    ("GET", "/v1/tokens", "", ""),
    ("POST", "/v1/tokens", "", "name=CI&scopes=conversations:read"),
    ("GET", "/v1/tokens/SIuAFUNKdSYHZF2w", "", ""),
    ("POST", "/v1/tokens/SIuAFUNKdSYHZF2w/rotate", "", "grace_period=60"),
    ("DELETE", "/v1/tokens/SIuAFUNKdSYHZF2w", "", ""),
    ("GET", "/v1/webhooks", "", ""),
    ("POST", "/v1/webhooks", "", "url=https://example.com/hooks&types=message.created"),
    ("GET", "/v1/webhooks/SIuAFUNKdSYHZF2w", "", ""),
    ("PUT", "/v1/webhooks/SIuAFUNKdSYHZF2w", "", "status=enabled&last_event_id=now"),
    ("POST", "/v1/webhooks/SIuAFUNKdSYHZF2w/rotate", "", "grace_period=60"),
    ("POST", "/v1/webhooks/SIuAFUNKdSYHZF2w/ping", "", ""),
    ("GET", "/v1/webhooks/SIuAFUNKdSYHZF2w/attempts", "", ""),
    ("DELETE", "/v1/webhooks/SIuAFUNKdSYHZF2w", "", ""),
    ("GET", "/health", "", ""),
];

fn main() {
    let token = std::env::args().nth(1).unwrap_or_else(|| TOKEN.to_owned());
    for &(method, path, headers, form) in REQUESTS {
        let head = format!(
            "{method} https://api.self.chat{path}\nauthorization: Bearer {token}\n\
             content-type: application/x-www-form-urlencoded\n{headers}"
        );
        match query(&Head::parse(&head), form) {
            Ok((caller, query)) => print(method, path, &caller, &query),
            Err(error) => {
                eprintln!("{method} {path}: {error:?}");
                std::process::exit(1);
            }
        }
    }
}

fn query(head: &Head, form: &str) -> Result<(Caller, Query), Error> {
    let Destination::Endpoint(endpoint) = routes::find(head)? else { return Err(routes::path_unknown()) };
    let caller = Caller::authenticate(head.authorization.as_deref(), endpoint.scope)?;
    let id = Id::new(1000 * NOW.unsigned_abs()).map_err(|error| Error::internal(error.to_string()))?;
    let webhooks = Key::parse("k".repeat(32)).map(|key| Settings { key, allow_loopback: false });
    let request = Request::parse(head, endpoint.route, &endpoint.id, &caller, form.as_bytes(), &id, webhooks)?;
    Ok((caller, (endpoint.handler)(request)?))
}

fn print(method: &str, path: &str, caller: &Caller, query: &Query) {
    for (index, statement) in query.statements.iter().enumerate() {
        println!("-- {method} {path}, statement {}", index + 1);
        let scope = caller.scope.map_or(0, |scope| scope.bit());
        let mut parameters = vec![caller.hash.as_str().into(), scope.into()];
        parameters.extend_from_slice(&statement.parameters);
        let mut sql = statement.sql.to_string();
        // From the last one on: `?1` is the beginning of `?10`.
        for (index, parameter) in parameters.iter().enumerate().rev() {
            sql = sql.replace(&format!("?{}", index + 1), &literal(parameter));
        }
        println!("{sql};\n");
    }
}

fn literal(parameter: &Parameter) -> String {
    match parameter {
        Parameter::Null => "NULL".to_owned(),
        Parameter::Integer(number) => number.to_string(),
        Parameter::Text(text) => format!("'{}'", text.replace('\'', "''")),
    }
}
