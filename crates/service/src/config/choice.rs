//! Values that are one word out of a few.

/// A value that is one word out of a few.
pub(crate) trait Choice {
    /// The words, in the order in which documentation lists them.
    fn words(&self) -> &'static [&'static str];
    /// The word of the present value.
    fn word(&self) -> &'static str;
    /// Takes a word; false if it is none of the few.
    fn choose(&mut self, word: &str) -> bool;
    /// Why a word that has a meaning elsewhere has none here.
    fn why_not(&self, _word: &str) -> Option<&'static str> {
        None
    }
}

macro_rules! choice {
    ($(#[$about:meta])* $name:ident { $($(#[$what:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
        pub enum $name { $($(#[$what])* $variant),+ }

        impl $name {
            /// The word that a configuration writes.
            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $word),+ }
            }
        }

        impl Choice for $name {
            fn words(&self) -> &'static [&'static str] {
                &[$($word),+]
            }

            fn word(&self) -> &'static str {
                self.as_str()
            }

            fn choose(&mut self, word: &str) -> bool {
                match word {
                    $($word => *self = $name::$variant,)+
                    _ => return false,
                }
                true
            }
        }
    };
}

choice! {
    /// What the `user` label of a metric says.
    UserLabel {
        /// The login.
        #[default]
        Login = "login",
        /// GitHub's numeric id, which survives a renamed account.
        Id = "id",
        /// 16 hex digits of a keyed hash of the login.
        Hmac = "hmac",
        /// Nothing: everybody is one.
        None = "none",
    }
}

choice! {
    /// Where events and coverage lie.
    ActivityStore {
        /// Where the state lies.
        #[default]
        State = "state",
        /// On the Redis server.
        Redis = "redis",
    }
}

choice! {
    /// Where processes that share a credential meet.
    CoordinationStore {
        /// In the file of `coordination.path` if the state is a file, else in the state.
        #[default]
        Auto = "auto",
        /// In the file of `coordination.path`.
        File = "file",
        /// In the PostgreSQL database of the state.
        Postgres = "postgres",
        /// On the Redis server.
        Redis = "redis",
    }
}

choice! {
    /// Where backfill tasks wait.
    QueueBroker {
        /// Where the state lies.
        #[default]
        State = "state",
        /// At the RabbitMQ server.
        RabbitMq = "rabbitmq",
    }
}

choice! {
    /// Who says which node leads.
    ElectionBy {
        /// The lock of the state file if everything lies in it, else the store of events.
        #[default]
        Auto = "auto",
        /// The file of `coordination.path`.
        File = "file",
        /// The PostgreSQL database of the state.
        Postgres = "postgres",
        /// The Redis server.
        Redis = "redis",
        /// A Lease of the Kubernetes cluster that the node runs in.
        Kubernetes = "kubernetes",
    }
}

choice! {
    /// Something that is done or not.
    Switch {
        /// It is done.
        #[default]
        On = "on",
        /// It is not.
        Off = "off",
    }
}

choice! {
    /// How the next snapshot of `/metrics` comes about. What it says is the same.
    Refresh {
        /// What changed is written anew.
        #[default]
        Incremental = "incremental",
        /// Everything is written anew.
        Full = "full",
    }
}

choice! {
    /// The least important line that is written to the log.
    LogLevel {
        /// Only what failed.
        Error = "error",
        /// And what needs attention.
        Warn = "warn",
        /// And one line per cycle.
        #[default]
        Info = "info",
        /// And why things are decided as they are.
        Debug = "debug",
        /// And every request.
        Trace = "trace",
    }
}

choice! {
    /// How a line of the log is written.
    LogFormat {
        /// Text on a terminal, JSON otherwise.
        #[default]
        Auto = "auto",
        /// Text.
        Text = "text",
        /// One JSON object per line.
        Json = "json",
    }
}

/// The policies that a node may run; the others are there to be compared with.
impl Choice for quota::Policy {
    fn words(&self) -> &'static [&'static str] {
        const WORDS: &[&str] = &[
            quota::Policy::Adaptive.as_str(),
            quota::Policy::Even.as_str(),
        ];
        WORDS
    }

    fn word(&self) -> &'static str {
        self.as_str()
    }

    fn choose(&mut self, word: &str) -> bool {
        match word.parse() {
            Ok(policy @ (quota::Policy::Adaptive | quota::Policy::Even)) => {
                *self = policy;
                true
            }
            _ => false,
        }
    }

    fn why_not(&self, word: &str) -> Option<&'static str> {
        let policy: quota::Policy = word.parse().ok()?;
        (!self.words().contains(&policy.as_str())).then_some(
            "is there for `tidegate simulate` alone, since it spends what live work needs",
        )
    }
}
