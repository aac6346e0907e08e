/** What is known of a span from outside: text and numbers by their names. */
export type Attributes = Record<string, string | number>

/** Who waits for whom: who is asked (`server`), who asks (`client`), who leaves an event, who is woken by it, or nobody. */
export type SpanKind = 'server' | 'client' | 'producer' | 'consumer' | 'internal'

export type SpanOptions = {
  kind?: SpanKind
  /** The `traceparent` it follows. */
  parent?: string | undefined
  /** Begins a trace where there is no parent; otherwise what has none is not recorded. */
  begins?: true
  /** Its own `traceparent`, where that was given away before. */
  as?: string
  /** The `traceparent` of others that it is about. */
  links?: readonly string[]
  attributes?: Attributes
  /** When it began: a time of `performance.now()`; now, unless given. */
  since?: number
  /** The same by the clock of whoever saw it. */
  from?: Date
  /** Recorded only when something follows it, or when it fails. */
  quiet?: true
}

/** A piece of work of which it is recorded how long it took, and what came of it. */
export interface Span {
  /** Told to what follows it. */
  readonly traceparent: string
  /** What it follows itself. */
  readonly parent: string | undefined
  /** When it began, by `performance.now()`. */
  readonly since: number
  /** Whether it is recorded, so that what follows it is worth recording. */
  readonly isRecorded: boolean
  /** Says more of it. */
  note(attributes: Attributes): void
  /** Something follows it. */
  need(): void
  /** It went wrong, although whoever does it goes on. */
  fail(error: unknown): void
  /** Ends it, well, or with what went wrong; at once, unless it is said when. */
  end(error?: unknown, at?: Date): void
}

/** Records spans. Nothing it does takes long, or throws. */
export interface Tracer {
  /** Whether anything is recorded at all. */
  readonly isOn: boolean
  start(name: string, options?: SpanOptions): Span
  /** Sends what was recorded and not sent yet. */
  close(): Promise<void>
}

/** A span that has ended; times are milliseconds since 1970. */
export type EndedSpan = {
  name: string
  kind: SpanKind
  traceparent: string
  parent: string | undefined
  links: readonly string[]
  attributes: Attributes
  start: number
  end: number
  error: string | undefined
}

/** Where ended spans go. */
export interface SpanSink {
  take(span: EndedSpan): void
  close(): Promise<void>
}
