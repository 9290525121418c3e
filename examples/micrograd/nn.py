"""Neurons of plain Python floats, in lists.  Nothing here knows of s2sgrad or of NumPy."""


class Neuron:
    def __init__(self, inputs, rng, relu=True):
        self.w = [rng.uniform(-1.0, 1.0) for _ in range(inputs)]
        self.b = 0.0
        self.relu = relu

    def __call__(self, x):
        act = sum(wi * xi for wi, xi in zip(self.w, x)) + self.b
        return (act if act > 0.0 else 0.0) if self.relu else act

    def parameters(self):
        return [*self.w, self.b]


class Layer:
    def __init__(self, inputs, outputs, rng, relu=True):
        self.neurons = [Neuron(inputs, rng, relu) for _ in range(outputs)]

    def __call__(self, x):
        return [n(x) for n in self.neurons]

    def parameters(self):
        return [p for n in self.neurons for p in n.parameters()]


class MLP:
    def __init__(self, sizes, rng):
        pairs = list(zip(sizes, sizes[1:]))
        self.layers = [Layer(a, b, rng, relu=k < len(pairs) - 1) for k, (a, b) in enumerate(pairs)]

    def __call__(self, x):
        for layer in self.layers:
            x = layer(x)
        return x[0]

    def parameters(self):
        return [p for layer in self.layers for p in layer.parameters()]


def loss(model, xs, ys, alpha=1e-4):
    """Hinge loss of labels -1 and 1, and a little weight decay."""
    total = 0.0
    for (x1, x2), y in zip(xs, ys):
        margin = 1.0 - y * model([x1, x2])
        if margin > 0.0:
            total += margin
    decay = alpha * sum(p * p for p in model.parameters())
    return total / len(xs) + decay
