/** Tables that are asked with names out of files: an object literal would answer "constructor" with a function. */

export const byName = <T>(table: Readonly<Record<string, T>>): ReadonlyMap<string, T> => new Map(Object.entries(table));
