/** Where a function listens unless it is told otherwise. Apart from the other settings: it listens before it has read those. */
export const defaultPort = 8080
