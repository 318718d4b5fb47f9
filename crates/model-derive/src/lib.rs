//! `#[derive(Record)]`: a schema block, its documentation and both conversions from one documented struct.

use proc_macro::TokenStream;
use quote::{ToTokens, quote};
use syn::{
    Data, DeriveInput, Expr, Field, Fields, LitInt, LitStr, Type, parse_macro_input,
    spanned::Spanned,
};

/// Implements `infra_model::Record`; see there for the field attributes.
#[proc_macro_derive(Record, attributes(record))]
pub fn derive_record(input: TokenStream) -> TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(&input)
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

#[derive(Default)]
struct Options {
    required: bool,
    optional: bool,
    computed: bool,
    force_new: bool,
    sensitive: bool,
    write_only: bool,
    protects: bool,
    default: Option<Expr>,
    compare: Option<syn::Ident>,
    deprecated: Option<LitStr>,
    rename: Option<LitStr>,
    block: bool,
    set: bool,
    min: Option<LitInt>,
    max: Option<LitInt>,
}

fn options(field: &Field) -> syn::Result<Options> {
    let mut out = Options::default();
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("record")) {
        attribute.parse_nested_meta(|meta| {
            let name = meta.path.require_ident()?.to_string();
            match name.as_str() {
                "required" => out.required = true,
                "optional" => out.optional = true,
                "computed" => out.computed = true,
                "force_new" => out.force_new = true,
                "sensitive" => out.sensitive = true,
                "write_only" => out.write_only = true,
                "protects" => out.protects = true,
                "block" => out.block = true,
                "set" => out.set = true,
                "default" => out.default = Some(meta.value()?.parse()?),
                "compare" => out.compare = Some(meta.value()?.parse()?),
                "deprecated" => out.deprecated = Some(meta.value()?.parse()?),
                "rename" => out.rename = Some(meta.value()?.parse()?),
                "min" => out.min = Some(meta.value()?.parse()?),
                "max" => out.max = Some(meta.value()?.parse()?),
                _ => return Err(meta.error("unknown option")),
            }
            Ok(())
        })?;
    }
    Ok(out)
}

/// The doc comment as one text.
fn documentation(attributes: &[syn::Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter(|a| a.path().is_ident("doc"))
        .filter_map(|a| match &a.meta {
            syn::Meta::NameValue(nv) => match &nv.value {
                Expr::Lit(syn::ExprLit {
                    lit: syn::Lit::Str(s),
                    ..
                }) => Some(s.value().trim().to_owned()),
                _ => None,
            },
            _ => None,
        });
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

/// `T` of `Vec<T>` or `Option<T>`.
fn inner<'a>(ty: &'a Type, wrapper: &str) -> Option<&'a Type> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last().filter(|s| s.ident == wrapper)?;
    let syn::PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return None;
    };
    match arguments.args.first() {
        Some(syn::GenericArgument::Type(t)) => Some(t),
        _ => None,
    }
}

/// `bool` or `Option<bool>`.
fn is_flag(ty: &Type) -> bool {
    matches!(inner(ty, "Option").unwrap_or(ty), Type::Path(path) if path.path.is_ident("bool"))
}

fn expand(input: &DeriveInput) -> syn::Result<proc_macro2::TokenStream> {
    let Data::Struct(data) = &input.data else {
        return Err(syn::Error::new(
            input.span(),
            "Record is derived for structs",
        ));
    };
    let Fields::Named(fields) = &data.fields else {
        return Err(syn::Error::new(input.span(), "Record needs named fields"));
    };
    let ident = &input.ident;
    let doc = documentation(&input.attrs);
    if doc.is_empty() {
        return Err(syn::Error::new(
            input.span(),
            "a schema needs a doc comment",
        ));
    }
    let (mut schema, mut reads, mut writes) = (Vec::new(), Vec::new(), Vec::new());
    for field in &fields.named {
        let o = options(field)?;
        let Some(name_ident) = &field.ident else {
            continue;
        };
        let name = o.rename.as_ref().map_or_else(
            || name_ident.to_string().trim_start_matches("r#").to_owned(),
            LitStr::value,
        );
        let doc = documentation(&field.attrs);
        if doc.is_empty() {
            return Err(syn::Error::new(
                field.span(),
                "an attribute needs a doc comment",
            ));
        }
        let (computed, force_new) = (o.computed, o.force_new);
        if o.block {
            let Some(element) = inner(&field.ty, "Vec") else {
                return Err(syn::Error::new(
                    field.ty.span(),
                    "a block is a Vec of records",
                ));
            };
            let nesting = if o.set { quote!(Set) } else { quote!(List) };
            let min = o.min.map_or_else(|| quote!(0), ToTokens::into_token_stream);
            let max = o.max.map_or_else(|| quote!(None), |m| quote!(Some(#m)));
            schema.push(quote! {
                block.blocks.insert(#name.into(), ::infra_model::NestedBlock {
                    nesting: ::infra_model::Nesting::#nesting, min: #min, max: #max, computed: #computed, force_new: #force_new,
                    block: <#element as ::infra_model::Record>::block(), doc: #doc.into(),
                });
            });
            reads.push(quote!(#name_ident: ::infra_model::record::blocks(value, #name)?));
            let make = if o.set { quote!(set) } else { quote!(list) };
            writes.push(quote! {
                (#name, ::infra_model::Value::#make(
                    <#element as ::infra_model::Record>::block().implied_type(),
                    self.#name_ident.iter().map(::infra_model::Record::to_value).collect(),
                ))
            });
            continue;
        }
        if !(o.required || o.optional || o.computed) {
            return Err(syn::Error::new(
                field.span(),
                "say `required`, `optional` or `computed`",
            ));
        }
        let ty = &field.ty;
        if o.protects && !is_flag(ty) {
            return Err(syn::Error::new(
                ty.span(),
                "what protects is a `bool` or an `Option<bool>`",
            ));
        }
        let (required, optional, sensitive, write_only, protects) = (
            o.required,
            o.optional,
            o.sensitive,
            o.write_only,
            o.protects,
        );
        let default = o.default.as_ref().map_or_else(
            || quote!(None),
            |d| quote!(Some(::infra_model::Value::from(#d))),
        );
        let compare = match o.compare.as_ref().map(ToString::to_string).as_deref() {
            None => quote!(Exact),
            Some("json") => quote!(Json),
            Some("case_insensitive") => quote!(CaseInsensitive),
            Some("resource_name") => quote!(ResourceName),
            Some("blanks") => quote!(Blanks),
            Some("version") => quote!(Version),
            Some(_) => {
                return Err(syn::Error::new(
                    o.compare.span(),
                    "`json`, `case_insensitive`, `blanks`, `resource_name` or `version`",
                ));
            }
        };
        let deprecated = o
            .deprecated
            .as_ref()
            .map_or_else(|| quote!(None), |d| quote!(Some(#d.into())));
        schema.push(quote! {
            block.attributes.insert(#name.into(), ::infra_model::Attribute {
                ty: <#ty as ::infra_model::record::FieldValue>::ty(),
                required: #required, optional: #optional, computed: #computed, force_new: #force_new,
                sensitive: #sensitive, write_only: #write_only, protects: #protects, default: #default,
                compare: ::infra_model::schema::Compare::#compare, doc: #doc.into(), deprecated: #deprecated,
            });
        });
        reads.push(quote!(#name_ident: ::infra_model::record::field(value, #name)?));
        let plain = quote!(::infra_model::record::FieldValue::to_value(&self.#name_ident));
        let written = if sensitive {
            quote!({ let value = #plain; if value.is_null() { value } else { value.sensitive() } })
        } else {
            plain
        };
        writes.push(quote!((#name, #written)));
    }
    Ok(quote! {
        impl ::infra_model::Record for #ident {
            fn block() -> ::infra_model::Block {
                let mut block = ::infra_model::Block::default();
                #(#schema)*
                block
            }
            fn doc() -> &'static str {
                #doc
            }
            fn from_value(value: &::infra_model::Value) -> ::std::result::Result<Self, ::infra_model::record::FieldError> {
                Ok(Self { #(#reads,)* })
            }
            fn to_value(&self) -> ::infra_model::Value {
                ::infra_model::Value::object([#(#writes),*])
            }
        }
    })
}
