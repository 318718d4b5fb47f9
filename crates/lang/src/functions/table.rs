//! The table of all functions: one line each. The code behind a line is the function of the same name in the module of its
//! group; a result type of `computed` is the function of that name in `types`.

use super::signature::{Function, Kind, Parameter, Returns};
use super::*;

macro_rules! functions {
    ($($group:ident { $( $name:ident (
        $($p:ident : $k:ident $([$($flag:ident)*])?),* $(; $v:ident : $vk:ident $([$($vflag:ident)*])?)?
    ) -> $returns:ident, $doc:literal; )* })*) => {
        &[$($(Function {
            name: stringify!($name),
            group: stringify!($group),
            parameters: &[$(Parameter::new(stringify!($p), Kind::$k) $($(.$flag())*)?),*],
            variadic: variadic!($($v $vk $($($vflag)*)?)?),
            returns: returns!($returns $name),
            doc: $doc,
            implementation: implementation!($group $name),
        },)*)*]
    };
}

macro_rules! variadic {
    () => { None };
    ($name:ident $kind:ident $($flag:ident)*) => {
        Some(Parameter::new(stringify!($name), Kind::$kind) $(.$flag())*)
    };
}

macro_rules! returns {
    (computed $name:ident) => {
        Returns::Computed(types::$name)
    };
    ($kind:ident $name:ident) => {
        Returns::Kind(Kind::$kind)
    };
}

macro_rules! implementation {
    (convert try) => {
        Implementation::Try
    };
    (convert can) => {
        Implementation::Can
    };
    ($group:ident $name:ident) => {
        Implementation::Eager($group::$name)
    };
}

pub(super) static FUNCTIONS: &[Function] = functions! {
    numeric {
        abs(num: Number) -> Number, "The number without its sign.";
        ceil(num: Number) -> Number, "The least whole number that is not less.";
        floor(num: Number) -> Number, "The greatest whole number that is not greater.";
        log(num: Number, base: Number) -> Number, "The logarithm of a number to a base.";
        max(; numbers: Number) -> Number, "The greatest of the numbers.";
        min(; numbers: Number) -> Number, "The least of the numbers.";
        parseint(number: Any, base: Number) -> Number, "The whole number that a text means in a base from 2 to 62.";
        pow(num: Number, power: Number) -> Number, "The number raised to a power.";
        range(; params: Number) -> ListOfNumber, "Numbers from a start to before an end, by a step: `range(end)`, `range(start, end)`, `range(start, end, step)`.";
        signum(num: Number) -> Number, "-1, 0 or 1 by the sign of a whole number.";
        sum(list: Any) -> Number, "The sum of the numbers in a list or set.";
    }
    string {
        chomp(str: String) -> String, "The text without newlines at its end.";
        endswith(str: String, suffix: String) -> Bool, "Whether the text ends so.";
        indent(spaces: Number, str: String) -> String, "The text with spaces before each line but the first.";
        join(separator: String; lists: ListOfString [unknown]) -> String, "The elements of lists of strings, with the separator between them.";
        lower(str: String) -> String, "The text in lower case.";
        replace(str: String, substr: String, replace: String) -> String, "The text with each occurrence replaced; `/.../` is a regular expression.";
        split(separator: String, str: String) -> ListOfString, "The pieces of the text between the separators.";
        startswith(str: String [unknown], prefix: String) -> Bool, "Whether the text begins so.";
        strcontains(str: String, substr: String) -> Bool, "Whether the text occurs in the other.";
        strrev(str: String) -> String, "The characters in reverse order.";
        substr(str: String, offset: Number, length: Number) -> String, "So many characters from an offset; a negative offset counts from the end, length -1 means the rest.";
        title(str: String) -> String, "The text with the first letter of each word in upper case.";
        trim(str: String, cutset: String) -> String, "The text without these characters at both ends.";
        trimprefix(str: String, prefix: String) -> String, "The text without this beginning.";
        trimspace(str: String) -> String, "The text without white space at both ends.";
        trimsuffix(str: String, suffix: String) -> String, "The text without this end.";
        upper(str: String) -> String, "The text in upper case.";
    }
    pattern {
        regex(pattern: String, string: String) -> computed, "What a regular expression first matches: the match, a list of unnamed groups, or an object of named ones.";
        regexall(pattern: String, string: String) -> computed, "All that a regular expression matches.";
    }
    format {
        format(format: String; args: Any [null unknown]) -> String, "Text with arguments put in by verbs such as `%s`, `%d`, `%05.2f`.";
        formatlist(format: String; args: Any [null unknown]) -> ListOfString, "As `format`, for each element of the lists among the arguments.";
    }
    collection {
        alltrue(list: ListOfBool [unknown]) -> Bool, "Whether all elements are true.";
        anytrue(list: ListOfBool [unknown]) -> Bool, "Whether an element is true.";
        chunklist(list: ListOfAny [marked], size: Number [marked]) -> computed, "The list in pieces of a size.";
        coalesce(; vals: Any [null unknown]) -> computed, "The first argument that is neither null nor an empty string.";
        coalescelist(; vals: Any [null unknown]) -> computed, "The first list that is not empty.";
        compact(list: ListOfString [unknown]) -> ListOfString, "The list without nulls and empty strings.";
        concat(; seqs: Any [unknown marked]) -> computed, "The elements of all lists in one list.";
        contains(list: Any [unknown], value: Any [null unknown]) -> Bool, "Whether a list or set contains the value.";
        distinct(list: ListOfAny [unknown]) -> computed, "The list without repeated elements.";
        element(list: Any [marked], index: Number) -> computed, "The element at an index, which starts over past the end.";
        flatten(list: Any [unknown marked]) -> computed, "The elements of nested lists in one list.";
        index(list: Any [unknown], value: Any [null unknown]) -> Number, "The index of the first element equal to the value.";
        keys(inputMap: Any [unknown marked]) -> computed, "The keys of a map in order.";
        length(value: Any [unknown marked]) -> Number, "How many elements, or characters of a string.";
        lookup(inputMap: Any [unknown marked], key: String [marked]; default: Any [null unknown marked]) -> computed, "The element under a key, or the default.";
        matchkeys(values: ListOfAny [unknown], keys: ListOfAny [unknown], searchset: ListOfAny [unknown]) -> computed, "The values whose keys, by index, are in the search set.";
        merge(; maps: Any [null unknown marked]) -> computed, "All entries of the maps; later ones win.";
        one(list: Any [unknown]) -> computed, "The only element, or null when there is none.";
        reverse(list: Any [unknown marked]) -> computed, "The elements in reverse order.";
        slice(list: Any [marked], start_index: Number, end_index: Number) -> computed, "The elements from a start to before an end.";
        sort(list: ListOfString [unknown]) -> ListOfString, "The strings in order.";
        transpose(values: MapOfListOfString [unknown marked]) -> MapOfListOfString, "A map of lists with keys and elements swapped.";
        values(mapping: Any [unknown marked]) -> computed, "The values of a map in the order of its keys.";
        zipmap(keys: ListOfString [unknown marked], values: Any [unknown marked]) -> computed, "A map of keys from one list and values from another.";
    }
    sets {
        setintersection(first_set: SetOfAny; other_sets: SetOfAny) -> computed, "The elements that are in all sets.";
        setproduct(; sets: Any [unknown marked]) -> computed, "All combinations of one element from each set.";
        setsubtract(a: SetOfAny, b: SetOfAny) -> computed, "The elements of one set that are not in another.";
        setunion(first_set: SetOfAny; other_sets: SetOfAny) -> computed, "The elements that are in any of the sets.";
    }
    encoding {
        base64decode(str: String) -> String, "The UTF-8 text in base64.";
        base64encode(str: String) -> String, "The text in base64.";
        base64gzip(str: String) -> String, "The text compressed with gzip, in base64.";
        csvdecode(str: String) -> Any, "A list of objects, one for each line of CSV after the header.";
        jsondecode(str: String) -> Any, "The value that JSON means.";
        jsonencode(val: Any [null unknown]) -> String, "The value as JSON.";
        textdecodebase64(source: String, encoding: String) -> String, "The text in base64 of another character encoding.";
        textencodebase64(string: String, encoding: String) -> String, "The text in another character encoding, in base64.";
        urlencode(str: String) -> String, "The text escaped for the query of a URL.";
        yamldecode(src: String) -> Any, "The value that YAML means.";
        yamlencode(value: Any [null unknown]) -> String, "The value as YAML.";
    }
    filesystem {
        abspath(path: String) -> String, "The path made absolute.";
        basename(path: String) -> String, "The last element of the path.";
        dirname(path: String) -> String, "The path without its last element.";
        file(path: String) -> String, "The content of a UTF-8 file.";
        filebase64(path: String) -> String, "The content of a file in base64.";
        filebase64sha256(path: String) -> String, "The SHA-256 checksum of a file in base64.";
        filebase64sha512(path: String) -> String, "The SHA-512 checksum of a file in base64.";
        fileexists(path: String) -> Bool, "Whether there is a file.";
        filemd5(path: String) -> String, "The MD5 checksum of a file.";
        fileset(path: String, pattern: String) -> SetOfString, "The files below a folder that match a pattern with `*`, `**`, `?` and `{a,b}`.";
        filesha1(path: String) -> String, "The SHA-1 checksum of a file.";
        filesha256(path: String) -> String, "The SHA-256 checksum of a file.";
        filesha512(path: String) -> String, "The SHA-512 checksum of a file.";
        pathexpand(path: String) -> String, "The path with `~` replaced by the home folder.";
        templatefile(path: String, vars: Any) -> Any, "The template in a file, rendered with variables.";
        templatestring(template: String, vars: Any) -> String, "A template given as a string, rendered with variables.";
    }
    datetime {
        formatdate(format: String, time: String) -> String, "A time written by a pattern such as `YYYY-MM-DD'T'hh:mm:ssZ`.";
        plantimestamp() -> String, "The time of the plan.";
        timeadd(timestamp: String, duration: String) -> String, "A time and a duration such as `1h30m`.";
        timecmp(timestamp_a: String, timestamp_b: String) -> Number, "-1, 0 or 1 as one time is before, at or after another.";
        timestamp() -> String, "The present time; known when applying.";
    }
    hash {
        base64sha256(str: String) -> String, "The SHA-256 checksum of the text in base64.";
        base64sha512(str: String) -> String, "The SHA-512 checksum of the text in base64.";
        bcrypt(str: String; cost: Number) -> String, "A bcrypt hash of the text; known when applying.";
        md5(str: String) -> String, "The MD5 checksum of the text.";
        rsadecrypt(ciphertext: String, privatekey: String) -> String, "The text that was encrypted for an RSA key, in base64.";
        sha1(str: String) -> String, "The SHA-1 checksum of the text.";
        sha256(str: String) -> String, "The SHA-256 checksum of the text.";
        sha512(str: String) -> String, "The SHA-512 checksum of the text.";
        uuid() -> String, "A random UUID; known when applying.";
        uuidv5(namespace: String, name: String) -> String, "The UUID of a name in a namespace: `dns`, `url`, `oid`, `x500` or a UUID.";
    }
    network {
        cidrhost(prefix: String, hostnum: Number) -> String, "The address of a host in a prefix; a negative number counts from the end.";
        cidrnetmask(prefix: String) -> String, "The netmask of an IPv4 prefix.";
        cidrsubnet(prefix: String, newbits: Number, netnum: Number) -> String, "The subnet of a prefix with so many more bits and this number.";
        cidrsubnets(prefix: String; newbits: Number) -> ListOfString, "Consecutive subnets of a prefix, each with so many more bits.";
    }
    convert {
        can(expression: Any) -> Bool, "Whether the expression evaluates without an error.";
        ephemeralasnull(value: Any [null unknown marked]) -> computed, "The value with everything ephemeral in it replaced by null.";
        issensitive(value: Any [null unknown marked]) -> Bool, "Whether the value is marked sensitive.";
        nonsensitive(value: Any [null unknown marked]) -> computed, "The value without its sensitive mark.";
        sensitive(value: Any [null unknown marked]) -> computed, "The value marked sensitive.";
        tobool(v: Any [null unknown marked]) -> Bool, "The value as a bool.";
        tolist(v: Any [null unknown marked]) -> computed, "The value as a list.";
        tomap(v: Any [null unknown marked]) -> computed, "The value as a map.";
        tonumber(v: Any [null unknown marked]) -> Number, "The value as a number.";
        toset(v: Any [null unknown marked]) -> computed, "The value as a set.";
        tostring(v: Any [null unknown marked]) -> String, "The value as a string.";
        try(; expressions: Any) -> Any, "The first of the expressions that evaluates without an error.";
    }
};
