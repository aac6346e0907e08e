/** A part of a list that begins with the newest: at most so many, from behind the last one of the part before. */
export type Page<Place> = { limit: number; after?: Place | undefined }
