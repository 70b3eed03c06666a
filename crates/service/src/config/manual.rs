//! The page about the configuration, made from the table of keys.

use std::fmt::Write as _;

use super::{key::Key, keys, schema::Blank};

const HEAD: &str = "\
# Configuration

This page is made from the table of keys: `tidegate config schema --markdown` prints it.

A node reads one TOML file (`--config FILE`, or the variable `TIDEGATE_CONFIG`), then the environment, then flags; what comes later
wins. `tidegate config check` prints every fault at once, `tidegate config show` the effective values with where each came from.

A key `section.name` has the variable `TIDEGATE_SECTION_NAME`; lists in variables are separated by commas. A key that names the
file of a secret has a second variable without `_FILE` that holds the secret itself; `GITHUB_TOKEN` holds a token, too. Paths in the
file are relative to the file. Durations are a whole number and `s`, `m`, `h`, `d` or `w`.

```toml
[github]
token_file = \"secrets/github-token\"
organisations = [\"acme\", \"acme-labs\"]

[scrape]
interval = \"5m\"
deny = [\"*-archive\"]
```
";

const ORGANISATION: &str = "
## An organisation with a credential of its own

```toml
[[github.organisations]]
name = \"acme\"
app_id = 12345
private_key_file = \"secrets/acme.pem\"
```
";

/// The page, as Markdown.
pub fn markdown() -> String {
    let mut page = HEAD.to_owned();
    let mut section = "";
    for key in keys::KEYS {
        let of = key.name.split('.').next().unwrap_or_default();
        if of != section {
            let _ = write!(page, "\n## `[{of}]`\n");
            section = of;
        }
        entry(key, true, &mut page);
    }
    page.push_str(ORGANISATION);
    for key in keys::ORGANISATION_KEYS {
        entry(key, false, &mut page);
    }
    page
}

fn entry<T: Blank>(key: &Key<T>, named_elsewhere: bool, page: &mut String) {
    let kind = (key.slot)(&mut T::blank()).kind();
    let default = key
        .default
        .map_or_else(|| "not set".to_owned(), |default| format!("`{default}`"));
    let _ = write!(
        page,
        "\n### `{}`\n\n{}\n\n- Type: {kind}\n",
        key.name, key.about
    );
    if named_elsewhere {
        let _ = write!(
            page,
            "- Default: {default}\n- Variable: `{}`",
            key.variable()
        );
        if let Some(bare) = key.secret_variable() {
            let _ = write!(page, ", or `{bare}` for the secret itself");
        }
        page.push('\n');
        if let Some(flag) = key.flag {
            let _ = writeln!(page, "- Flag: `{flag}`");
        }
    }
    let _ = writeln!(
        page,
        "- Example: `{} = {}`",
        key.name.rsplit('.').next().unwrap_or_default(),
        key.example
    );
}
