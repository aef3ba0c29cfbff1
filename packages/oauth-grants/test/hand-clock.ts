export { type HandClock, handClock } from '@x/testbed/hand-clock'
