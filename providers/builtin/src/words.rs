//! Words for `random_pet`. Sorted lists, and nothing else.

/// How it is.
#[rustfmt::skip]
pub(crate) const ADVERBS: &[&str] = &[
    "ably", "aptly", "boldly", "bravely", "briefly", "brightly", "briskly", "calmly", "cheerfully", "cleanly",
    "clearly", "closely", "coolly", "daily", "deeply", "densely", "eagerly", "early", "easily", "evenly",
    "fairly", "fast", "finely", "firmly", "fondly", "frankly", "freely", "freshly", "fully", "gently",
    "gladly", "globally", "gracefully", "gratefully", "happily", "highly", "honestly", "kindly", "largely",
    "lightly", "literally", "locally", "loosely", "loudly", "lovingly", "mainly", "mostly", "nearly",
    "neatly", "newly", "nicely", "openly", "partly", "patiently", "politely", "possibly", "promptly",
    "properly", "proudly", "quickly", "quietly", "rarely", "readily", "really", "richly", "safely", "sharply",
    "shortly", "simply", "slowly", "smoothly", "softly", "steadily", "strongly", "surely", "swiftly",
    "tidily", "truly", "vastly", "warmly", "widely", "wisely",
];

/// What it is like.
#[rustfmt::skip]
pub(crate) const ADJECTIVES: &[&str] = &[
    "able", "active", "agile", "alert", "amber", "ample", "apt", "bold", "brave", "bright", "brisk", "busy",
    "calm", "careful", "cheerful", "civil", "clean", "clear", "clever", "cosmic", "cosy", "crisp", "curious",
    "daring", "deep", "direct", "eager", "early", "earnest", "easy", "elegant", "even", "fair", "famous",
    "fast", "fine", "firm", "fleet", "fluent", "fond", "frank", "free", "fresh", "full", "gentle", "glad",
    "golden", "grand", "great", "green", "handy", "happy", "hardy", "helpful", "honest", "humble", "jolly",
    "keen", "kind", "lively", "loyal", "lucky", "mellow", "merry", "mighty", "modest", "neat", "nimble",
    "noble", "open", "patient", "plain", "polite", "prime", "proud", "quick", "quiet", "rapid", "ready",
    "robust", "sharp", "silent", "silver", "sincere", "smart", "smooth", "snug", "solid", "sound", "steady",
    "still", "strong", "sunny", "sure", "swift", "tender", "tidy", "true", "upbeat", "vivid", "warm", "wise",
    "witty",
];

/// What it is.
#[rustfmt::skip]
pub(crate) const ANIMALS: &[&str] = &[
    "albatross", "alpaca", "ant", "antelope", "badger", "bass", "bat", "beagle", "bear", "beaver", "bee",
    "beetle", "bison", "boar", "bobcat", "buffalo", "camel", "cat", "cheetah", "chipmunk", "condor", "coral",
    "cougar", "crab", "crane", "cricket", "crow", "deer", "dingo", "dolphin", "donkey", "dove", "dragonfly",
    "duck", "eagle", "eel", "egret", "elephant", "elk", "emu", "falcon", "ferret", "finch", "fox", "frog",
    "gazelle", "gecko", "gibbon", "giraffe", "goat", "goose", "grouse", "gull", "hare", "hawk", "hedgehog",
    "heron", "horse", "ibex", "ibis", "iguana", "jackal", "jaguar", "jay", "kestrel", "kiwi", "koala", "lark",
    "lemur", "leopard", "lion", "lizard", "llama", "lobster", "lynx", "magpie", "marmot", "marten", "mole",
    "moose", "moth", "mule", "newt", "octopus", "osprey", "otter", "owl", "ox", "panda", "panther", "parrot",
    "pelican", "penguin", "pigeon", "pony", "puffin", "puma", "quail", "rabbit", "raccoon", "ram", "raven",
    "robin", "salmon", "seal", "shark", "sheep", "shrew", "skunk", "sloth", "snail", "sparrow", "squid",
    "stork", "swan", "tapir", "tern", "tiger", "toad", "trout", "turtle", "viper", "vole", "walrus", "wasp",
    "weasel", "whale", "wolf", "wombat", "wren", "yak", "zebra",
];
