//! Random stacks: what a stack file says, as data and as text, and what the cloud must look like once it is applied.

use crate::cloud::kinds::{Identity, KINDS, Kind, SECRET as SECRET_TYPE};
use crate::dice::Dice;
use std::fmt::Write as _;

/// Every secret contains this; no stored or shown byte may.
pub const SECRET: &str = "SESAME";

/// A stack.
#[derive(Clone, Debug, Default)]
pub struct Stack {
    /// In an order in which each refers only to earlier ones.
    pub blocks: Vec<BlockModel>,
    /// What is to be forgotten, not deleted: `TYPE.NAME`.
    pub forgotten: Vec<String>,
    /// `(from, to)`.
    pub moved: Vec<(String, String)>,
    named: u64,
}

/// A resource block.
#[derive(Clone, Debug)]
pub struct BlockModel {
    /// Its type.
    pub kind: &'static Kind,
    /// Its name in the file.
    pub name: String,
    /// The `name` attribute, when it is not `name`.
    pub called: Option<String>,
    /// Changing it replaces the resource.
    pub zone: Option<u64>,
    /// Changed in place.
    pub size: i64,
    /// Whether it has a secret, and which.
    pub secret: Option<Text>,
    /// Names of blocks it stands on.
    pub parents: Vec<String>,
    /// Names of blocks it is linked to: all of them are created before they are deleted.
    pub links: Vec<String>,
    /// The block whose revision its note shows.
    pub note: Option<String>,
    /// `create_before_destroy`
    pub early: bool,
    /// `count`
    pub count: Option<u64>,
}

/// Where a secret comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Text {
    /// The sensitive variable of this number.
    Variable(u64),
    /// The `sim_secret` with this keeper.
    Resource(u64),
}

impl BlockModel {
    /// `sim_server.n3`
    #[must_use]
    pub fn address(&self) -> String {
        format!("{}.{}", self.kind.type_name, self.name)
    }

    /// The addresses of its instances.
    #[must_use]
    pub fn instances(&self) -> Vec<String> {
        match self.count {
            None => vec![self.address()],
            Some(count) => (0..count)
                .map(|i| format!("{}[{i}]", self.address()))
                .collect(),
        }
    }

    /// The `name` attribute of an instance.
    #[must_use]
    pub fn called(&self, index: u64) -> String {
        let base = self.called.as_ref().unwrap_or(&self.name);
        match self.count {
            None => base.clone(),
            Some(_) => format!("{base}-{index}"),
        }
    }

    /// The size of an instance.
    #[must_use]
    pub fn size(&self, index: u64) -> i64 {
        self.size + self.count.map_or(0, |_| i64::try_from(index).unwrap_or(0))
    }

    fn unique(&self) -> bool {
        matches!(self.kind.identity, Identity::Name | Identity::Key)
    }
}

impl Stack {
    /// A new random one.
    #[must_use]
    pub fn random(dice: &mut Dice) -> Stack {
        let mut stack = Stack::default();
        for _ in 0..dice.between(1, 6) {
            stack.add(dice);
        }
        stack
    }

    /// A block by its name.
    #[must_use]
    pub fn block(&self, name: &str) -> Option<&BlockModel> {
        self.blocks.iter().find(|b| b.name == name)
    }

    fn add(&mut self, dice: &mut Dice) {
        self.named += 1;
        let kind = dice.pick(KINDS);
        let mut block = BlockModel {
            kind,
            name: format!("n{}", self.named),
            called: None,
            zone: dice.permille(500).then(|| dice.below(3)),
            size: dice.between(1, 9),
            secret: None,
            parents: Vec::new(),
            links: Vec::new(),
            note: None,
            early: false,
            count: dice.permille(200).then(|| dice.below(4)),
        };
        if dice.permille(300) {
            block.secret = Some(if dice.permille(500) {
                Text::Variable(dice.below(3))
            } else {
                Text::Resource(dice.below(3))
            });
        }
        for _ in 0..dice.below(3) {
            if self.blocks.is_empty() {
                break;
            }
            let other = dice.pick(&self.blocks).clone();
            if !block.parents.contains(&other.name) {
                block.parents.push(other.name);
            }
        }
        if dice.permille(300) && !self.blocks.is_empty() {
            block.note = Some(dice.pick(&self.blocks).name.clone());
        }
        // A rule stands on exactly one network.
        if kind.identity == Identity::Key {
            let networks: Vec<&BlockModel> = self
                .blocks
                .iter()
                .filter(|b| b.kind.type_name == "sim_network" && b.count.is_none())
                .collect();
            if networks.is_empty() {
                return;
            }
            block.parents = vec![dice.pick(&networks).name.clone()];
        }
        self.blocks.push(block);
        let last = self.blocks.len() - 1;
        if dice.permille(250) {
            self.make_early(last);
        }
        if dice.permille(200) {
            let early: Vec<String> = self.blocks[..last]
                .iter()
                .filter(|b| b.early)
                .map(|b| b.name.clone())
                .collect();
            if !early.is_empty() {
                let link = dice.pick(&early).clone();
                self.blocks[last].links.push(link);
            }
        }
    }

    /// Sets `create_before_destroy`, unless something that it would spread to can only be there once.
    fn make_early(&mut self, at: usize) {
        let mut all = vec![at];
        let mut i = 0;
        while i < all.len() {
            let block = &self.blocks[all[i]];
            if block.unique() {
                return;
            }
            for name in block.parents.iter().chain(&block.links).chain(&block.note) {
                if let Some(j) = self.blocks.iter().position(|b| b.name == *name)
                    && !all.contains(&j)
                {
                    all.push(j);
                }
            }
            i += 1;
        }
        all.iter().for_each(|i| self.blocks[*i].early = true);
    }

    /// Changes something; what, in words.
    pub fn change(&mut self, dice: &mut Dice) -> String {
        self.moved.clear();
        self.forgotten.clear();
        if self.blocks.is_empty() || (self.blocks.len() < 9 && dice.permille(300)) {
            self.add(dice);
            return "added a block".to_owned();
        }
        let at = dice.index(self.blocks.len());
        match dice.below(8) {
            0 => {
                let gone = self.remove(at);
                format!("removed {gone}")
            }
            1 => {
                let block = &mut self.blocks[at];
                block.zone = Some(block.zone.map_or(0, |z| (z + 1) % 3));
                format!("moved {} to another zone", block.name)
            }
            2 => {
                let block = &mut self.blocks[at];
                block.secret = Some(Text::Variable(dice.below(3)));
                format!("gave {} another secret", block.name)
            }
            3 => {
                let block = &mut self.blocks[at];
                if let Some(count) = &mut block.count {
                    *count = dice.below(4);
                }
                format!("counted {} anew", block.name)
            }
            4 => {
                let block = &mut self.blocks[at];
                if block.kind.identity != Identity::Key {
                    block.parents.pop();
                }
                format!("took a parent from {}", block.name)
            }
            5 => {
                let block = self.blocks[at].clone();
                let from = block.address();
                self.named += 1;
                let new = format!("n{}", self.named);
                let old = block.name.clone();
                self.blocks[at].called.get_or_insert_with(|| old.clone());
                self.blocks[at].name.clone_from(&new);
                for other in &mut self.blocks {
                    let names = other.parents.iter_mut().chain(&mut other.links);
                    names
                        .chain(&mut other.note)
                        .filter(|n| **n == old)
                        .for_each(|n| n.clone_from(&new));
                }
                let to = self.blocks[at].address();
                self.moved.push((from.clone(), to.clone()));
                let more = self.with_the_move(at, dice);
                format!("renamed {from} to {to}{more}")
            }
            _ => {
                let block = &mut self.blocks[at];
                block.size = dice.between(1, 9);
                format!("resized {}", block.name)
            }
        }
    }

    /// Often more happens at once: what was renamed is replaced, and what needed it goes or does without it, so that only the
    /// state knows, by the old name, what must go first.
    fn with_the_move(&mut self, at: usize, dice: &mut Dice) -> String {
        if !dice.permille(500) {
            return String::new();
        }
        let renamed = &mut self.blocks[at];
        renamed.zone = Some(renamed.zone.map_or(0, |z| (z + 1) % 3));
        let name = renamed.name.clone();
        let needs = |b: &BlockModel| b.parents.contains(&name) || b.links.contains(&name);
        let needing: Vec<usize> = (0..self.blocks.len())
            .filter(|i| needs(&self.blocks[*i]))
            .collect();
        if needing.is_empty() {
            return ", in another zone".to_owned();
        }
        let other = *dice.pick(&needing);
        let stands_on_it = self.blocks[other].kind.identity == Identity::Key;
        if stands_on_it || dice.permille(600) {
            return format!(", in another zone, and removed {}", self.remove(other));
        }
        let block = &mut self.blocks[other];
        block.parents.retain(|p| *p != name);
        block.links.retain(|p| *p != name);
        format!(", in another zone, and took it from {}", block.name)
    }

    /// Removes a block, and every reference to it.
    fn remove(&mut self, at: usize) -> String {
        let gone = self.blocks.remove(at);
        for block in &mut self.blocks {
            block.parents.retain(|p| *p != gone.name);
            block.links.retain(|p| *p != gone.name);
            if block.note.as_ref() == Some(&gone.name) {
                block.note = None;
            }
        }
        // What stood on it as its key has lost its place.
        self.blocks
            .retain(|b| b.kind.identity != Identity::Key || !b.parents.is_empty());
        gone.address()
    }

    /// Takes a block that neither needs nor is needed out of the file, to be forgotten; its address.
    pub fn forget(&mut self, dice: &mut Dice) -> Option<String> {
        let free = |b: &&BlockModel| {
            let used = |o: &BlockModel| {
                o.parents.contains(&b.name)
                    || o.links.contains(&b.name)
                    || o.note.as_ref() == Some(&b.name)
            };
            let stands_alone = b.parents.is_empty() && b.links.is_empty();
            stands_alone && b.count.is_none() && !self.blocks.iter().any(used)
        };
        let names: Vec<String> = self
            .blocks
            .iter()
            .filter(free)
            .map(|b| b.name.clone())
            .collect();
        if names.is_empty() {
            return None;
        }
        let name = dice.pick(&names);
        let at = self.blocks.iter().position(|b| b.name == *name)?;
        self.moved.clear();
        let address = self.remove(at);
        self.forgotten.push(address.clone());
        Some(address)
    }

    /// Adds a block for something that is there already; its address.
    pub fn adopt(
        &mut self,
        kind: &'static Kind,
        called: &str,
        zone: Option<u64>,
        size: i64,
    ) -> String {
        self.named += 1;
        self.moved.clear();
        self.forgotten.clear();
        let block = BlockModel {
            kind,
            name: format!("n{}", self.named),
            called: Some(called.to_owned()),
            zone,
            size,
            secret: None,
            parents: Vec::new(),
            links: Vec::new(),
            note: None,
            early: false,
            count: None,
        };
        let address = block.address();
        self.blocks.push(block);
        address
    }

    /// The stack file.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = "[stack]\nname = \"sim\"\n".to_owned();
        for i in 0..3 {
            let _ = write!(
                text,
                "[variables.v{i}]\nsensitive = true\ndefault = \"{SECRET}-v{i}\"\n"
            );
        }
        for keeper in 0..3 {
            let uses = |b: &BlockModel| b.secret == Some(Text::Resource(keeper));
            if self.blocks.iter().any(uses) {
                let _ = write!(
                    text,
                    "[resource.{SECRET_TYPE}.s{keeper}]\nkeeper = {keeper}\n"
                );
            }
        }
        for block in &self.blocks {
            self.block_text(&mut text, block);
        }
        for address in &self.forgotten {
            let _ = write!(text, "[[removed]]\nfrom = \"{address}\"\ndestroy = false\n");
        }
        for (from, to) in &self.moved {
            let _ = write!(text, "[[moved]]\nfrom = \"{from}\"\nto = \"{to}\"\n");
        }
        for block in self.blocks.iter().filter(|b| b.count.is_none()).take(2) {
            let _ = write!(
                text,
                "[outputs.{}]\nvalue = \"${{{}.id}}\"\n",
                block.name,
                block.address()
            );
        }
        text
    }

    fn block_text(&self, text: &mut String, block: &BlockModel) {
        let _ = writeln!(text, "[resource.{}]", block.address());
        let base = block.called.as_ref().unwrap_or(&block.name);
        match block.count {
            None => {
                let _ = write!(text, "name = \"{base}\"\nsize = {}\n", block.size);
            }
            Some(count) => {
                let _ = write!(
                    text,
                    "count = {count}\nname = \"{base}-${{count.index}}\"\nsize = '${{count.index + {}}}'\n",
                    block.size
                );
            }
        }
        if let Some(zone) = block.zone {
            let _ = writeln!(text, "zone = \"z{zone}\"");
        }
        match block.secret {
            Some(Text::Variable(i)) => {
                let _ = writeln!(text, "secret = \"${{var.v{i}}}\"");
            }
            Some(Text::Resource(i)) => {
                let _ = writeln!(text, "secret = \"${{{SECRET_TYPE}.s{i}.result}}\"");
            }
            None => {}
        }
        if let Some(of) = block.note.as_ref().and_then(|n| self.block(n)) {
            let value = match of.count {
                None => format!("r${{{}.revision}}", of.address()),
                Some(_) => format!("r${{length({}[*].id)}}", of.address()),
            };
            let _ = writeln!(text, "note = \"{value}\"");
        }
        for (name, list) in [("parents", &block.parents), ("links", &block.links)] {
            let found: Vec<&BlockModel> = list.iter().filter_map(|p| self.block(p)).collect();
            if found.is_empty() {
                continue;
            }
            let parts: Vec<String> = found
                .iter()
                .map(|p| match p.count {
                    None => format!("[{}.id]", p.address()),
                    Some(_) => format!("{}[*].id", p.address()),
                })
                .collect();
            let _ = writeln!(text, "{name} = '${{concat({})}}'", parts.join(", "));
        }
        if block.early {
            text.push_str("lifecycle = { create_before_destroy = true }\n");
        }
    }
}
