/** Makes a value that satisfies a JSON schema, as constrained decoding would, out of what the strategy wants to say. */
import type { Json, JsonObject } from '../wire/messages.ts';
import { isObject } from '../wire/messages.ts';

export function conform(schema: JsonObject, wanted: Json | undefined): Json {
  return shape(schema, wanted, schema, 0);
}

const maxDepth = 12;

function shape(schema: Json | undefined, wanted: Json | undefined, root: JsonObject, depth: number): Json {
  if (!isObject(schema) || depth > maxDepth) return wanted ?? {};
  if (typeof schema.$ref === 'string') return shape(resolveRef(schema.$ref, root), wanted, root, depth + 1);
  if (schema.const !== undefined) return schema.const;
  if (Array.isArray(schema.enum)) {
    const choice = schema.enum.find((option) => option === wanted);
    return choice ?? schema.enum[0] ?? null;
  }
  const options = schema.anyOf ?? schema.oneOf;
  if (Array.isArray(options)) return shape(pickOption(options, wanted, root), wanted, root, depth + 1);
  if (Array.isArray(schema.allOf)) {
    const merged = schema.allOf.reduce<JsonObject>((all, part) => mergeSchemas(all, deref(part, root)), {});
    return shape(mergeSchemas(merged, { ...schema, allOf: null }), wanted, root, depth + 1);
  }
  return shapeByType(typeOf(schema, wanted), schema, wanted, root, depth);
}

function shapeByType(
  type: string,
  schema: JsonObject,
  wanted: Json | undefined,
  root: JsonObject,
  depth: number,
): Json {
  switch (type) {
    case 'object':
      return shapeObject(schema, isObject(wanted) ? wanted : {}, root, depth);
    case 'array':
      return shapeArray(schema, Array.isArray(wanted) ? wanted : [], root, depth);
    case 'string':
      return shapeString(schema, wanted);
    case 'integer':
    case 'number':
      return shapeNumber(schema, wanted, type === 'integer');
    case 'boolean':
      return wanted === true;
    case 'null':
      return null;
    default:
      return wanted ?? null;
  }
}

function shapeObject(schema: JsonObject, wanted: JsonObject, root: JsonObject, depth: number): JsonObject {
  const properties = isObject(schema.properties) ? schema.properties : {};
  const required = Array.isArray(schema.required) ? schema.required : [];
  const result: JsonObject = {};
  for (const [name, property] of Object.entries(properties)) {
    if (wanted[name] === undefined && !required.includes(name)) continue;
    result[name] = shape(property, wanted[name], root, depth + 1);
  }
  if (schema.additionalProperties !== false && !isObject(schema.properties)) return { ...wanted, ...result };
  return result;
}

function shapeArray(schema: JsonObject, wanted: Json[], root: JsonObject, depth: number): Json[] {
  const min = typeof schema.minItems === 'number' ? schema.minItems : 0;
  const max = typeof schema.maxItems === 'number' ? schema.maxItems : Number.POSITIVE_INFINITY;
  const items = wanted.slice(0, max).map((item) => shape(schema.items, item, root, depth + 1));
  while (items.length < min) items.push(shape(schema.items, undefined, root, depth + 1));
  return items;
}

function shapeString(schema: JsonObject, wanted: Json | undefined): string {
  const min = typeof schema.minLength === 'number' ? schema.minLength : 0;
  const max = typeof schema.maxLength === 'number' ? schema.maxLength : Number.POSITIVE_INFINITY;
  const fallback = schema.format === 'date-time' ? '1970-01-01T00:00:00Z' : 'not stated';
  const text = typeof wanted === 'string' ? wanted : wanted === undefined ? fallback : JSON.stringify(wanted);
  return text.slice(0, max).padEnd(min, '.');
}

function shapeNumber(schema: JsonObject, wanted: Json | undefined, whole: boolean): number {
  const given = typeof wanted === 'number' && Number.isFinite(wanted) ? wanted : 0;
  const low = typeof schema.minimum === 'number' ? schema.minimum : Number.NEGATIVE_INFINITY;
  const high = typeof schema.maximum === 'number' ? schema.maximum : Number.POSITIVE_INFINITY;
  const bounded = Math.min(high, Math.max(low, given));
  return whole ? Math.round(bounded) : bounded;
}

function typeOf(schema: JsonObject, wanted: Json | undefined): string {
  if (typeof schema.type === 'string') return schema.type;
  if (Array.isArray(schema.type)) {
    const fitting = schema.type.find((type) => fits(String(type), wanted));
    return String(fitting ?? schema.type[0]);
  }
  return isObject(schema.properties) ? 'object' : schema.items ? 'array' : 'any';
}

function fits(type: string, value: Json | undefined): boolean {
  if (value === undefined || value === null) return type === 'null';
  if (Array.isArray(value)) return type === 'array';
  if (typeof value === 'number') return type === 'number' || (type === 'integer' && Number.isInteger(value));
  return type === typeof value;
}

/** Prefers the option whose constants and type the wanted value already has. */
function pickOption(options: Json[], wanted: Json | undefined, root: JsonObject): Json | undefined {
  const matching = options.find((option) => {
    const schema = deref(option, root);
    if (schema.const !== undefined) return schema.const === wanted;
    if (Array.isArray(schema.enum)) return wanted !== undefined && schema.enum.includes(wanted);
    if (!fits(typeOf(schema, wanted), wanted)) return false;
    if (!isObject(wanted) || !isObject(schema.properties)) return true;
    return Object.entries(schema.properties).every(([name, property]) => {
      const constant = deref(property, root).const;
      return constant === undefined || constant === wanted[name];
    });
  });
  return matching ?? options.find((option) => deref(option, root).type === 'null') ?? options[0];
}

function deref(schema: Json | undefined, root: JsonObject): JsonObject {
  if (!isObject(schema)) return {};
  return typeof schema.$ref === 'string' ? resolveRef(schema.$ref, root) : schema;
}

function resolveRef(ref: string, root: JsonObject): JsonObject {
  let at: Json | undefined = root;
  for (const part of ref.replace(/^#\/?/, '').split('/').filter(Boolean))
    at = isObject(at) ? at[part] : undefined;
  return isObject(at) ? at : {};
}

function mergeSchemas(left: JsonObject, right: JsonObject): JsonObject {
  const required = [left.required, right.required].flatMap((list) => (Array.isArray(list) ? list : []));
  const properties = {
    ...(isObject(left.properties) ? left.properties : {}),
    ...(isObject(right.properties) ? right.properties : {}),
  };
  const { allOf: _, ...rest } = { ...left, ...right };
  return { ...rest, ...(Object.keys(properties).length > 0 ? { properties } : {}), required };
}
