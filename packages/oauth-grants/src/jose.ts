/**
 * What is used of jose. A module of its own, so that a bundler leaves out the rest.
 *
 * @module
 */
export { importPKCS8, SignJWT } from 'jose'
