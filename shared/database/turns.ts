/** Keys of the advisory locks by which one at a time has its turn: any numbers, the same in every release, and no two alike. */
export const turns = {
  migrating: 4_127_090_815,
  /** So that two plans cannot collide unseen. */
  registering: 4_127_090_816,
  /** So that two cannot fill the same room. */
  admitting: 4_127_090_817,
  /** Of the local home that has a database which is not inside it, as long as it runs. */
  home: 4_127_090_818,
} as const
