/** Where something stands in a list: by its time, where it has one, and then by its id. */
export type Place = { at: Date | null; id: string }

/** Where the part of a list begins that is asked for: behind a place, or behind where the thing of an id stands now. */
export type After = Place | { id: string }

/** A place as clients are told it, who give it back as it is. */
export const formatPlace = ({ at, id }: Place): string => `${id}~${at?.getTime() ?? ''}`

// Milliseconds until the year 5138: what is later has more digits than a date takes.
const form = /^([^~]*)(?:~(\d{0,14}))?$/

/** What a client gave back: a place, or an id alone. Undefined for what can be neither. */
export function parseAfter(text: string): After | undefined {
  const [, id, at] = form.exec(text) ?? []
  if (id === undefined) return undefined
  if (at === undefined) return { id }
  return { id, at: at === '' ? null : new Date(Number(at)) }
}
