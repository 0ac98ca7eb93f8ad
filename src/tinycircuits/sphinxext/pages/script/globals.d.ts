/** The engine as a function, put there by the bundle: the page calls it, a worker is made of its text. */
declare const ENGINE: () => typeof import("./serve.js");
